"""golden ls, cat, edit, copy-out, copy-in, mount, umount: the files of a disk, with no node running."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.editor import edit_file as with_editor
from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.cli.progress import Progress, printable

if TYPE_CHECKING:
    from builder.offline import Target
    from builder.offline.files import FileListing
    from builder.paths import Output

app = typer.Typer()

Disk = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A disk file, a node, or a template as NAME, NAME@CHANNEL or NAME:VERSION;"
        " node:NAME and template:NAME say which of two is meant.",
    ),
]
GuestPath = Annotated[str, typer.Argument(metavar="PATH", help="A path in the guest.")]
GuestPaths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Paths in the guest.")]

CLOSED = 141
"""Exit code when whoever read our stdout wants no more, as a shell reports it."""


def find_target(word: str, output: Output, uri: str | None) -> Target:
    """What a word means. Raises RequestError with what there is."""
    from builder.offline import resolve
    from builder.offline.nodes import nodes_of

    return resolve(word, output, nodes_of(uri, output))


@app.command()
def ls(
    target: Disk,
    path: GuestPath = "/",
    long: Annotated[bool, typer.Option("-l", help="With mode, owner, group, size and time.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """List a folder of a disk."""
    from builder.offline import files, opened

    place = output_at(output)
    with opened(find_target(target, place, connect), place, Progress()) as guest:
        found = files.listing(guest, files.absolute(path))
    if as_json:
        print_json([each.to_json() for each in found])
        return
    lines = long_lines(found) if long else [each.name for each in found]
    if sys.stdout.isatty():
        lines = [printable(line) for line in lines]
    write_out(f"{line}\n".encode(errors="surrogateescape") for line in lines)


def long_lines(found: list[FileListing]) -> Iterable[str]:
    """The lines of `ls -l`, in columns; times are this host's local ones."""
    widths = [max((len(text) for text in column), default=0) for column in zip(*map(_columns, found), strict=True)]
    for each in found:
        owner, group, size = _columns(each)
        time = each.modified.astimezone().strftime("%Y-%m-%d %H:%M")
        arrow = f" -> {each.target}" if stat.S_ISLNK(each.mode) else ""
        yield (
            f"{stat.filemode(each.mode)} {owner:<{widths[0]}} {group:<{widths[1]}} {size:>{widths[2]}}"
            f" {time} {each.name}{arrow}"
        )


def _columns(each: FileListing) -> tuple[str, str, str]:
    return each.owner, each.group, str(each.size)


@app.command()
def cat(target: Disk, paths: GuestPaths, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Print files of a disk, byte by byte as they are."""
    from builder.offline import files, opened

    place = output_at(output)
    with opened(find_target(target, place, connect), place, Progress()) as guest:
        for path in paths:
            write_out(files.contents(guest, files.absolute(path)))


def write_out(pieces: Iterable[bytes]) -> None:
    """Bytes as data on stdout; whoever reads them may stop at any time."""
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Else Python would try once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED) from None


@app.command()
def edit(
    target: Disk,
    path: GuestPath,
    expressions: Annotated[
        list[str] | None,
        typer.Option(
            "--expression", "-e", metavar="EXPR", help="Change it by `sed -E` expressions, without an editor."
        ),
    ] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Edit a file of a disk with $VISUAL, $EDITOR or vi."""
    from builder.offline import files, opened
    from builder.offline.edit import by_expressions
    from builder.offline.edit import edit as edit_file

    place = output_at(output)
    change = by_expressions(expressions) if expressions else with_editor
    progress = Progress()
    with opened(find_target(target, place, connect), place, progress, writable=True) as guest:
        changed = edit_file(guest, files.absolute(path), change)
    progress.say(f"{path} is {'changed' if changed else 'as it was: nothing was changed'}")


@app.command("copy-out")
def copy_out(
    target: Disk,
    paths: GuestPaths,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of this host.")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Copy files and folders of a disk into a folder of this host."""
    from builder.offline import copy, files, opened

    copy.want_target(folder)
    place = output_at(output)
    with opened(find_target(target, place, connect), place, Progress()) as guest:
        copy.copy_out(guest, [files.absolute(path) for path in paths], folder)


@app.command("copy-in")
def copy_in(
    target: Disk,
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Files and folders of this host.")],
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A folder in the guest.")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Copy files and folders of this host into a folder of a disk."""
    from builder.offline import copy, files, opened

    copy.want_sources(sources)
    place = output_at(output)
    with opened(find_target(target, place, connect), place, Progress(), writable=True) as guest:
        copy.copy_in(guest, sources, files.absolute(folder))


# Not to be looked at beforehand: where the server of a mount has just died, its folder is there and cannot be read.
MountPoint = Annotated[Path, typer.Argument(metavar="FOLDER", help="An empty folder of this host.", readable=False)]


@app.command()
def mount(
    target: Disk,
    folder: MountPoint,
    writable: Annotated[bool, typer.Option("--rw", help="Let the files be changed.")] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay until it is unmounted.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Show the files of a disk in a folder of this host, until `golden umount`."""
    from builder.cli.background import into_background
    from builder.offline.mount import check_mount_point
    from builder.offline.mount import mount as mount_disk

    place = output_at(output)
    progress = Progress()
    found = find_target(target, place, connect)
    if writable:
        found.require_writable()
    check_mount_point(folder)

    def say() -> None:
        progress.say(f"{found.title} is mounted on {folder}; unmount it with: golden umount {folder}")

    ready = say if foreground else into_background()
    if ready is None:
        say()
    else:
        mount_disk(found, folder.absolute(), place, progress, writable=writable, ready=ready)


@app.command()
def umount(folder: MountPoint) -> None:
    """Unmount what `golden mount` mounted, once all that was written is on the disk."""
    from builder.offline.mounts import umount as umount_folder

    if not umount_folder(folder):
        Progress().say(f"warning: the process that served {folder} had died; what was written last may be missing")
