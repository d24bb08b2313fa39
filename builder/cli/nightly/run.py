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

Recipes = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of recipes.")]


@app.command()
def run(
    folder: Recipes = RECIPES,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="How many are built side by side.")] = 1,
    verify: Annotated[bool, typer.Option(help="Boot what was built; `latest` moves only to what works.")] = True,
    promote_to: Annotated[
        str | None, typer.Option(metavar="CHANNEL", help="A channel that then names each good version, once.")
    ] = None,
    on_unreachable: Annotated[
        UnreachablePolicy,
        typer.Option(help="Whether a recipe stays as it is, or fails, when a server of its does not answer."),
    ] = UnreachablePolicy.KEEP,
    prune: Annotated[
        bool, typer.Option("--prune", help="Then remove versions of these recipes that nobody needs; see golden prune.")
    ] = False,
    keep_last: Annotated[int | None, typer.Option(metavar="N", min=0, help="With --prune; else 3.")] = None,
    keep_days: Annotated[int | None, typer.Option(metavar="D", min=0, help="With --prune.")] = None,
    keep_channel: Annotated[list[str] | None, typer.Option(metavar="CHANNEL", help="With --prune.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The report goes there, too.")] = None,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For the node exporter's textfile folder; its name ends in .prom."),
    ] = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Refresh, build, verify and promote all recipes of a folder, each after those that it stands on.

    One that fails keeps only those that stand on it from being built. The report is in the output folder, too:
    nightly/report.html. Exits with the worst of all recipes' codes.
    """
    from builder.appliance.processors import processors
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
        raise RequestError("--keep-last, --keep-days and --keep-channel go with --prune")
    keep = KeepRules(3 if keep_last is None else keep_last, keep_days, keep_channel or ()) if prune else None
    refresh = Refresh("fail" if on_unreachable is UnreachablePolicy.FAIL else "keep").at(place)
    # Emulated, two builds side by side are a fifth slower where each appliance has all processors.
    each = max(1, processors() // jobs)
    night = Night(folder, NightOrder([this_golden()], refresh, verify, promote_to, each), jobs, keep, report, metrics)
    with Progress() as progress:
        told = run_night(night, place, progress)
    if as_json:
        print_json(told.to_json())
    else:
        print(to_text(told), end="")
    raise typer.Exit(told.exit_code)


def this_golden() -> str:
    """The path of the command that this is. Raises HostError where it is not installed as one."""
    found = Path(sysconfig.get_path("scripts"), "golden")
    if not found.exists():
        raise HostError(f"golden is not installed as a command: there is no {found}", hint="install it with pip")
    return str(found)
