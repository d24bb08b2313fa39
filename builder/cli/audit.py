"""golden audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.offline import Disk, resolve_target
from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.cli.progress import Progress
from builder.errors import BuildError
from builder.events import Notice

if TYPE_CHECKING:
    from builder.audits import Audit

app = typer.Typer()


@app.command()
def audit(
    target: Disk,
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Recipe to check against. Default: the recipe that the version was built from."
        ),
    ] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Check a version, node or disk against its recipe. Changes nothing."""
    from builder.audits import audit as audit_disk
    from builder.audits import find_promises

    place, progress = output_at(output), Progress()
    found = resolve_target(target, place, connect)
    promises = find_promises(recipe, found.version)
    progress(Notice(f"checking against {promises.file}"))
    if promises.doubt:
        progress(Notice(promises.doubt, warning=True))
    result = audit_disk(found, promises, place, progress)
    if as_json:
        print_json({"recipe": str(promises.file), **result.to_json()})
    else:
        show(result)
    if result.failed:
        raise BuildError(
            f"the audit of {result.target} failed: {len(result.failed)} of {len(result.proofs)} checks failed"
        )


def show(result: Audit) -> None:
    for proof in result.failed:
        print(f"failed   {proof.step}: {proof.message}")
    for step in result.skipped:
        print(f"skipped  {step.step} ({step.where}): {step.reason}")
    passed = len(result.proofs) - len(result.failed)
    print(f"{result.target}: {passed} of {len(result.proofs)} checks passed, {len(result.skipped)} steps skipped")
