"""golden verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, TemplateReference, output_at, print_json
from builder.cli.progress import Progress

if TYPE_CHECKING:
    from builder.store import Verification

app = typer.Typer()

TIMEOUT = typer.Option(
    metavar="SECONDS", min=1, help="Seconds to wait for the clones to boot. Default: 300, or 900 without KVM."
)


@app.command()
def verify(
    reference: TemplateReference,
    timeout: Annotated[int | None, TIMEOUT] = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Boot two throwaway clones of a version, and check that they work and share no identity."""
    from builder.store import Store
    from builder.verify import VerifySettings, error_of, verify

    place = output_at(output)
    version = Store(place.templates).find(reference)
    with Progress() as progress:
        found = verify(version, place, progress, VerifySettings(timeout))
    if as_json:
        report = {"template": version.template, "version": version.name, "path": str(version.verification_folder)}
        print_json(report | found.to_json())
    else:
        show_checks(found)
    if not found.passed:
        raise error_of(version, found)


def show_checks(found: Verification) -> None:
    """Print the result of each check: the first line of its message."""
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        print(f"{'good' if check.ok else 'FAILED':<7} {check.name:<{width}}  {check.message.splitlines()[0]}")
