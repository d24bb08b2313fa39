"""golden diff."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.offline import resolve_target
from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.cli.progress import Progress, printable
from builder.sizes import format_size

if TYPE_CHECKING:
    from builder.compare.comparison import Comparison
    from builder.compare.packages import PackageChanges
    from builder.compare.recipes import RecipeChanges
    from builder.compare.trees import FileChange, FileChanges

app = typer.Typer()

SIDE = (
    "Disk file, node, or template as NAME, NAME@CHANNEL or NAME:VERSION. "
    "If a node and a template share a name, write node:NAME or template:NAME."
)


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help=SIDE)],
    b: Annotated[str, typer.Argument(metavar="B", help="Like A.")],
    packages_only: Annotated[
        bool,
        typer.Option(
            "--packages-only", help="Compare packages, not files. For versions, this only reads their manifests."
        ),
    ] = False,
    path: Annotated[
        str, typer.Option("--path", metavar="PREFIX", help="Compare only files at or below this path.")
    ] = "/",
    show_all: Annotated[
        bool, typer.Option("--all", help="Also show files that a running node changes by itself: logs, caches, …")
    ] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 instead of 0 if they differ.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions, or between a version and a node."""
    from builder.compare.comparison import compare
    from builder.offline.files import absolute

    place, progress = output_at(output), Progress()
    prefix = absolute(path).rstrip("/") or "/"
    one, other = resolve_target(a, place, connect), resolve_target(b, place, connect)
    found = compare(one, other, place, progress, path=prefix, with_files=not packages_only)
    if as_json:
        print_json(found.to_json())
    else:
        for line in lines(found, show_all=show_all):
            print(printable(line))
    if exit_code and found:
        raise typer.Exit(1)


def lines(found: Comparison, *, show_all: bool) -> Iterator[str]:
    """The comparison as text: what differs, in groups."""
    yield f"{found.a.title} -> {found.b.title}"
    yield from package_lines(found.packages)
    if found.files is not None:
        yield from file_lines("files", found.files)
    if found.volatile:
        if show_all:
            yield from file_lines("changed by itself", found.volatile)
        else:
            count = len(found.volatile.paths())
            yield f"changed by itself: {count} paths (logs, caches, identity); pass --all to show them"
    if found.recipe is not None:
        yield from recipe_lines(found.recipe)
    if found.a.size != found.b.size:
        yield f"size: {format_size(found.a.size)} -> {format_size(found.b.size)}"
    if not found:
        yield "no difference"


def package_lines(found: PackageChanges) -> Iterator[str]:
    if not found:
        return
    yield f"packages: {len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    for mark, changes in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for each in changes:
            versions = " -> ".join(version for version in (each.before, each.after) if version is not None)
            yield f"  {mark} {each.name} {versions} ({each.arch})"


def file_lines(title: str, found: FileChanges) -> Iterator[str]:
    """One line for each change; a folder added or removed as a whole is one line."""
    from builder.compare.trees import group_by_folder

    if not found:
        return
    changed = len(found.paths()) - len(found.added) - len(found.removed)
    yield f"{title}: {len(found.added)} added, {len(found.removed)} removed, {changed} changed"
    for mark, changes in (("+", found.added), ("-", found.removed)):
        for change, count in group_by_folder(changes):
            entry = change.before or change.after
            slash = "/" if entry and entry.is_folder else ""
            yield f"  {mark} {change.path}{slash}" + (f" ({count} paths)" if count > 1 else "")
    for kind, changes in (
        ("content", found.content),
        ("owner", found.owner),
        ("link", found.link),
        ("type", found.type),
    ):
        for change in changes:
            yield f"  ~ {change.path}  {kind} {describe(kind, change)}".rstrip()


def describe(kind: str, change: FileChange) -> str:
    """The old and the new value of what changed; empty for content."""
    before, after = change.before, change.after
    if before is None or after is None or kind == "content":
        return ""
    if kind == "link":
        return f"{before.target} -> {after.target}"
    if kind == "type":
        return f"{stat.filemode(before.mode)[0]} -> {stat.filemode(after.mode)[0]}"
    old, new = (f"{stat.S_IMODE(each.mode):04o} {each.uid}:{each.gid}" for each in (before, after))
    return f"{old} -> {new}"


def recipe_lines(found: RecipeChanges) -> Iterator[str]:
    if not found:
        return
    steps = found.added or found.removed or found.changed or found.reordered or found.parents
    yield "recipe:" if steps else "recipe: its text changed, its steps did not"
    for mark, changes in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for each in changes:
            titles = dict.fromkeys(title for title in (each.before, each.after) if title is not None)
            yield f"  {mark} {' -> '.join(titles)}"
    if found.reordered:
        yield "  ~ order of the steps"
    if found.parents:
        yield "  ~ parent " + " -> ".join(parent or "none" for parent in found.parents)
