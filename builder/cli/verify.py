"""golden verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.cli.progress import Progress

if TYPE_CHECKING:
    from builder.store import Verification

app = typer.Typer()

TIMEOUT = typer.Option(
    metavar="SECONDS", min=1, help="That the clones may take to come up; else 300, and 900 where KVM does not work."
)


@app.command()
def verify(
    reference: Annotated[str, typer.Argument(metavar="TEMPLATE", help="NAME, NAME@CHANNEL or NAME:VERSION.")],
    timeout: Annotated[int | None, TIMEOUT] = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Boot two throwaway clones of a version, and prove that they come up well and have nothing in common."""
    from builder.store import Store
    from builder.verify import VerifySettings, error_of, verify

    place = output_at(output)
    version = Store(place.templates).find(reference)
    with Progress() as progress:
        found = verify(version, place, progress, VerifySettings(timeout))
    if as_json:
        kept = {"template": version.template, "version": version.name, "path": str(version.verification_folder)}
        print_json(kept | found.to_json())
    else:
        show_checks(found)
    if not found.passed:
        raise error_of(version, found)


def show_checks(found: Verification) -> None:
    """The first line of what each check found."""
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        print(f"{'good' if check.ok else 'FAILED':<7} {check.name:<{width}}  {check.message.splitlines()[0]}")
