"""golden ls, cat, edit, copy-out, copy-in, mount, umount: the files of a disk, without starting a node."""

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
        help="Disk file, node, or template as NAME, NAME@CHANNEL or NAME:VERSION."
        " If a node and a template share a name, write node:NAME or template:NAME.",
    ),
]
GuestPath = Annotated[str, typer.Argument(metavar="PATH", help="Path in the guest.")]
GuestPaths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Paths in the guest.")]

CLOSED = 141
"""Exit code when the reader of our stdout closes it, as a shell reports SIGPIPE."""


def resolve_target(word: str, output: Output, uri: str | None) -> Target:
    """The disk that a word names. Raises RequestError that lists the known templates."""
    from builder.offline import resolve
    from builder.offline.nodes import node_finder

    return resolve(word, output, node_finder(uri, output))


@app.command()
def ls(
    target: Disk,
    path: GuestPath = "/",
    long: Annotated[bool, typer.Option("-l", help="Also show mode, owner, group, size and modification time.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """List the files in a folder of a disk."""
    from builder.offline import files, opened

    place = output_at(output)
    with opened(resolve_target(target, place, connect), place, Progress()) as guest:
        found = files.list_folder(guest, files.absolute(path))
    if as_json:
        print_json([each.to_json() for each in found])
        return
    lines = long_lines(found) if long else [each.name for each in found]
    if sys.stdout.isatty():
        lines = [printable(line) for line in lines]
    write_out(f"{line}\n".encode(errors="surrogateescape") for line in lines)


def long_lines(found: list[FileListing]) -> Iterable[str]:
    """The lines of `ls -l`, in columns; times are in this host's time zone."""
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
    """Print files of a disk, byte for byte."""
    from builder.offline import files, opened

    place = output_at(output)
    with opened(resolve_target(target, place, connect), place, Progress()) as guest:
        for path in paths:
            write_out(files.read_file(guest, files.absolute(path)))


def write_out(pieces: Iterable[bytes]) -> None:
    """Write bytes to stdout; the reader may close it at any time."""
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Otherwise Python would flush again at exit, and print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED) from None


@app.command()
def edit(
    target: Disk,
    path: GuestPath,
    expressions: Annotated[
        list[str] | None,
        typer.Option(
            "--expression",
            "-e",
            metavar="EXPR",
            help="Apply this `sed -E` expression instead of opening an editor; repeatable.",
        ),
    ] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Edit a file of a disk in $VISUAL, $EDITOR or vi."""
    from builder.offline import files, opened
    from builder.offline.edit import by_expressions
    from builder.offline.edit import edit as edit_file

    place = output_at(output)
    change = by_expressions(expressions) if expressions else with_editor
    progress = Progress()
    with opened(resolve_target(target, place, connect), place, progress, writable=True) as guest:
        changed = edit_file(guest, files.absolute(path), change)
    progress.say(f"{path} is {'changed' if changed else 'unchanged'}")


@app.command("copy-out")
def copy_out(
    target: Disk,
    paths: GuestPaths,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder on this host.")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Copy files and folders from a disk into a folder on this host."""
    from builder.offline import copy, files, opened

    copy.check_target(folder)
    place = output_at(output)
    with opened(resolve_target(target, place, connect), place, Progress()) as guest:
        copy.copy_out(guest, [files.absolute(path) for path in paths], folder)


@app.command("copy-in")
def copy_in(
    target: Disk,
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Files and folders on this host.")],
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Existing folder in the guest to copy into.")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Copy files and folders from this host into a folder of a disk."""
    from builder.offline import copy, files, opened

    copy.check_sources(sources)
    place = output_at(output)
    with opened(resolve_target(target, place, connect), place, Progress(), writable=True) as guest:
        copy.copy_in(guest, sources, files.absolute(folder))


# Typer must not check the folder: if the server of a mount has died, its folder exists but cannot be read.
MountPoint = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Empty folder on this host, used as the mount point.", readable=False)
]

MountedFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to unmount.", readable=False)]


@app.command()
def mount(
    target: Disk,
    folder: MountPoint,
    writable: Annotated[bool, typer.Option("--rw", help="Mount read-write. Default: read-only.")] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in the foreground until the disk is unmounted.")
    ] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Mount the files of a disk on a folder of this host, until `golden umount`."""
    from builder.cli.background import continue_in_background
    from builder.offline.mount import check_mount_point
    from builder.offline.mount import mount as mount_disk

    place = output_at(output)
    progress = Progress()
    mounted = resolve_target(target, place, connect)
    if writable:
        mounted.require_writable()
    check_mount_point(folder)

    def say() -> None:
        progress.say(f"{mounted.title} is mounted on {folder}; unmount it with: golden umount {folder}")

    ready = say if foreground else continue_in_background()
    if ready is None:
        say()
    else:
        mount_disk(mounted, folder.absolute(), place, progress, writable=writable, ready=ready)


@app.command()
def umount(folder: MountedFolder) -> None:
    """Unmount what `golden mount` mounted, and wait until all writes are on the disk."""
    from builder.offline.mounts import umount as umount_folder

    if not umount_folder(folder):
        Progress().say(f"warning: the process that served {folder} had died; files written shortly before may be lost")
