"""golden nightly run."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Annotated

import typer

from builder.cli.build import UnreachablePolicy
from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.cli.progress import Progress
from builder.errors import HostError, RequestError

app = typer.Typer()

RECIPES = Path("recipes")

Recipes = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of recipes.")]


@app.command()
def run(
    folder: Recipes = RECIPES,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Number of recipes to build in parallel.")] = 1,
    verify: Annotated[bool, typer.Option(help="Boot each new version, and move `latest` only if it works.")] = True,
    promote_to: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNEL",
            help="Also point this channel at each version that passes. A version is promoted only once, so that a "
            "rollback stays.",
        ),
    ] = None,
    on_unreachable: Annotated[
        UnreachablePolicy,
        typer.Option(help="When a server does not answer: keep the recipe's last version, or fail the recipe."),
    ] = UnreachablePolicy.KEEP,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Afterwards, remove unneeded versions of these recipes, like `golden prune`."),
    ] = False,
    keep_last: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="With --prune: number of newest good versions to keep. Default: 3."),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(metavar="D", min=0, help="With --prune: also keep the good versions of the last D days."),
    ] = None,
    keep_channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNEL",
            help="With --prune: also keep the version that a rollback of this channel would return to.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write the report to this folder, as .txt, .html and .json."),
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write Prometheus metrics for node_exporter's textfile collector; the name must end in .prom.",
        ),
    ] = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Refresh, build, verify and promote all recipes of a folder, parents first.

    If a recipe fails, only the recipes based on it are skipped. The report is also written to
    nightly/report.html in the output folder. The exit code is the worst of all recipes.
    """
    from builder.appliance.processors import count_processors
    from builder.nightly.image import NightOrder
    from builder.nightly.night import Night, run_night
    from builder.nightly.prune import KeepRules
    from builder.nightly.text import to_text
    from builder.plan import Refresh
    from builder.store.channels import check_channel

    place = output_at(output)
    if promote_to:
        check_channel(promote_to)
    if not prune and (keep_last, keep_days, keep_channel) != (None, None, None):
        raise RequestError("--keep-last, --keep-days and --keep-channel need --prune", hint="add --prune")
    keep = KeepRules(3 if keep_last is None else keep_last, keep_days, keep_channel or ()) if prune else None
    refresh = Refresh("fail" if on_unreachable is UnreachablePolicy.FAIL else "keep").at(place)
    # Without KVM, two parallel builds are a fifth slower if each appliance has all processors.
    each = max(1, count_processors() // jobs)
    night = Night(
        folder, NightOrder([golden_command()], refresh, verify, promote_to, each), jobs, keep, report, metrics
    )
    with Progress() as progress:
        outcome = run_night(night, place, progress)
    if as_json:
        print_json(outcome.to_json())
    else:
        print(to_text(outcome), end="")
    raise typer.Exit(outcome.exit_code)


def golden_command() -> str:
    """The path of the `golden` command. Raises HostError if it is not installed."""
    found = Path(sysconfig.get_path("scripts"), "golden")
    if not found.exists():
        raise HostError(
            f"the golden command is not installed: no such file: {found}",
            hint="install golden into this Python environment with pip",
        )
    return str(found)
