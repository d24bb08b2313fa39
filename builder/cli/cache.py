"""golden cache list, golden cache prune."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json, say
from builder.errors import RequestError
from builder.sizes import format_size, parse_size

if TYPE_CHECKING:
    from builder.storage import CacheEntry

app = typer.Typer(
    help="List and prune what is kept for later builds: layers, bases, downloads and more.", no_args_is_help=True
)


@app.command("list")
def list_entries(output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """List the cache entries, the first to be removed at the top."""
    from builder.prune.cache import CacheLimits, foresee

    plan = foresee(CacheLimits(), output_at(output))
    entries = [*(each.entry for each in plan.freed), *plan.kept]
    if as_json:
        print_json([row(entry) for entry in entries])
        return
    for entry in entries:
        in_use = f"in use by {entry.in_use}" if entry.in_use else ""
        note = entry.useless or in_use or (f"used for {entry.version}" if entry.version else "")
        print(line(entry, note))
    say(f"{len(entries)} entries, {format_size(sum(entry.bytes for entry in entries))}")


@app.command()
def prune(
    max_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Shrink the caches to this total size, such as 20G.")
    ] = None,
    days: Annotated[int | None, typer.Option(metavar="D", min=0, help="Remove entries not used for D days.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove the entries instead of only showing them.")] = False,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Remove cache entries: those that no build can use any more, then the least recently used.

    Without --yes, it only shows them. It keeps what a running build uses, and every entry on which
    a kept entry is based.
    """
    from builder.prune.cache import CacheLimits, foresee, free

    limits = CacheLimits(size_of(max_size), days)
    plan = (free if yes else foresee)(limits, output_at(output))
    if as_json:
        rows = [row(each.entry) | {"reason": each.reason} for each in plan.freed]
        print_json({"removed": yes, "bytes": plan.bytes, "entries": rows})
        return
    for each in plan.freed:
        print(line(each.entry, each.reason))
    kept = format_size(sum(entry.bytes for entry in plan.kept))
    if yes:
        say(f"{len(plan.freed)} entries removed, {format_size(plan.bytes)}; {kept} kept")
    elif plan.freed:
        say(
            f"{len(plan.freed)} entries would be removed, {format_size(plan.bytes)}; {kept} would be kept; "
            "pass --yes to remove them"
        )
    else:
        say(f"nothing to remove; {kept} kept")


def size_of(text: str | None) -> int | None:
    """Bytes of a size such as 20G; None for None. Raises RequestError."""
    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise RequestError(str(error), where=f"--max-size {text}") from error


def line(entry: CacheEntry, note: str) -> str:
    used = f"{datetime.fromtimestamp(entry.used).astimezone():%Y-%m-%d %H:%M}"
    columns = f"{entry.kind:<10} {entry.key[:16]:<16} {format_size(entry.bytes):>9}  {used}"
    return f"{columns}  {entry.title[:40]:<40}  {note}".rstrip()


def row(entry: CacheEntry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "kind": entry.kind,
        "key": entry.key,
        "title": entry.title,
        "bytes": entry.bytes,
        "used": datetime.fromtimestamp(entry.used).astimezone().isoformat(timespec="seconds"),
        "useless": entry.useless,
        "in_use": entry.in_use,
        "made": entry.version,
    }
