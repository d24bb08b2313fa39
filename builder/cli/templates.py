"""golden list, golden show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, TemplateReference, output_at, print_json, show_warning
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
        typer.echo("no templates yet; build one with `golden build RECIPE`", err=True)
    for row in rows:
        channels = f" <- {', '.join(row['channels'])}" if row["channels"] else ""
        verified = f"  {row['verification']}" if row["verification"] else ""
        used, created = format_size(row["bytes"]), row["created"][:16]
        print(f"{row['template']:<16} {row['version']:<24} {used:>9}  {created}{verified}{channels}")


@app.command()
def show(
    reference: TemplateReference,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show a version: what it was built from, and whether its checks passed."""
    store = Store(output_at(output).templates)
    version = store.find(reference)
    manifest, verification = version.manifest, version.verification
    if as_json:
        extra = {"verification": verification and verification.to_json()}
        print_json(manifest.model_dump(mode="json") | {"path": str(version.folder)} | extra)
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
        "audit": f"{manifest.passed} of {len(manifest.audit)} checks passed",
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
    passed = f"{len(verification.checks) - len(verification.failed)} of {len(verification.checks)} checks passed"
    return f"{verification.word} at {verification.when}: {passed}" + (f"; failed: {failed}" if failed else "")


def summaries(store: Store) -> Iterator[dict[str, Any]]:
    """The rows of `golden list`. A damaged version gets a warning instead of a row."""
    for template in store.templates():
        for version in store.versions(template):
            try:
                yield summary(version, store.channels(template))
            except HostError as error:
                show_warning(error)


def summary(version: Version, channels: dict[str, str]) -> dict[str, Any]:
    """A row of `golden list`. Raises HostError for a damaged version."""
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
