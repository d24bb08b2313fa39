"""golden list, golden show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json, show_warning
from builder.errors import HostError
from builder.sizes import format_size
from builder.store import Store, Verification, Version

app = typer.Typer()


@app.command("list")
def list_templates(output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """List the published templates and their versions."""
    store = Store(output_at(output).templates)
    rows = list(summaries(store))
    if as_json:
        print_json(rows)
        return
    if not store.templates():
        typer.echo("no templates yet; `golden build RECIPE` makes one", err=True)
    for row in rows:
        channels = f" <- {', '.join(row['channels'])}" if row["channels"] else ""
        proven = f"  {row['verification']}" if row["verification"] else ""
        used, created = format_size(row["bytes"]), row["created"][:16]
        print(f"{row['template']:<16} {row['version']:<24} {used:>9}  {created}{proven}{channels}")


@app.command()
def show(
    reference: Annotated[str, typer.Argument(metavar="TEMPLATE", help="NAME, NAME@CHANNEL or NAME:VERSION.")],
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show a version: what it was made of, and what was proven."""
    store = Store(output_at(output).templates)
    version = store.find(reference)
    manifest, verification = version.manifest, version.verification
    if as_json:
        proven = {"verification": verification and verification.to_json()}
        print_json(manifest.model_dump(mode="json") | {"path": str(version.folder)} | proven)
        return
    channels = [name for name, target in store.channels(version.template).items() if target == version.name]
    guest, disk, parent = manifest.guest, manifest.disk, manifest.parent
    facts = {
        "template": f"{version.template}  {manifest.summary}".rstrip(),
        "version": version.name + (f" ({', '.join(channels)})" if channels else ""),
        "path": str(version.folder),
        "created": f"{manifest.created} by golden {manifest.builder} from {manifest.recipe.file}",
        "parent": f"{parent.template}:{parent.version}, sha256 {parent.digest[:16]}…" if parent else None,
        "guest": f"{guest.distribution} {guest.major}.{guest.minor} ({guest.arch})",
        "disk": f"{disk.format}, {format_size(disk.size)}, {format_size(disk.bytes)} used, sha256 {disk.sha256[:16]}…",
        "packages": str(len(manifest.packages)),
        "audit": f"{manifest.passed} of {len(manifest.audit)} findings good",
        "verified": verification and describe(verification),
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<10}{value}")
    print("actions")
    for action in manifest.actions:
        print(f"  {action.status:<7}{action.seconds:>7.1f} s  {action.title}")


def describe(verification: Verification) -> str:
    """One line of `golden show`."""
    failed = ", ".join(check.name for check in verification.failed)
    good = f"{len(verification.checks) - len(verification.failed)} of {len(verification.checks)} checks good"
    return f"{verification.word} at {verification.when}: {good}" + (f"; failed: {failed}" if failed else "")


def summaries(store: Store) -> Iterator[dict[str, Any]]:
    """The lines of `golden list`; a damaged version has none, and is said."""
    for template in store.templates():
        for version in store.versions(template):
            try:
                yield summary(version, store.channels(template))
            except HostError as error:
                show_warning(error)


def summary(version: Version, channels: dict[str, str]) -> dict[str, Any]:
    """One line of `golden list`. Raises HostError."""
    manifest, verification = version.manifest, version.verification
    return {
        "template": version.template,
        "version": version.name,
        "channels": [name for name, target in channels.items() if target == version.name],
        "created": manifest.created,
        "format": manifest.disk.format,
        "size": manifest.disk.size,
        "bytes": manifest.disk.bytes,
        "verification": verification and verification.word,
        "path": str(version.folder),
    }
