"""golden build, golden plan."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.cli.progress import Progress
from builder.cli.verify import TIMEOUT
from builder.errors import RequestError
from builder.installer import InstallLimits

if TYPE_CHECKING:
    from builder.events import Emit
    from builder.paths import Output
    from builder.plan import Plan, Refresh
    from builder.recipe import Recipe

app = typer.Typer()

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file, such as recipes/debian-12.yaml.")]

OtherBase = Annotated[
    Path | None, typer.Option("--base", metavar="FILE", help="Start from this disk image instead of the recipe's base.")
]

LIMITS = InstallLimits()

StallTimeout = Annotated[
    int,
    typer.Option(metavar="SECONDS", min=1, help="Stop an OS installer that shows no activity for this many seconds."),
]
InstallTimeout = Annotated[
    int,
    typer.Option(metavar="SECONDS", min=1, help="Stop an OS installer that has not finished after this many seconds."),
]

Verify = Annotated[bool, typer.Option("--verify", help="Move `latest` only if the new version passes `golden verify`.")]
VerifyTimeout = Annotated[int | None, TIMEOUT]

WithParents = Annotated[
    bool,
    typer.Option(
        "--with-parents", help="Include the recipes that it is based on, from the same folder; parents come first."
    ),
]


RefreshUpstream = Annotated[
    bool,
    typer.Option("--refresh", help="Also rebuild from the first base or step whose repositories changed upstream."),
]


class UnreachablePolicy(StrEnum):
    KEEP = "keep"
    FAIL = "fail"


OnUnreachable = Annotated[
    UnreachablePolicy | None,
    typer.Option(
        help="With --refresh, when a server does not answer: keep what was built from it, or fail. Default: keep.",
    ),
]


@app.command()
def build(
    recipe: RecipeFile,
    base: OtherBase = None,
    with_parents: WithParents = False,
    refresh: RefreshUpstream = False,
    on_unreachable: OnUnreachable = None,
    stall_timeout: StallTimeout = int(LIMITS.stall),
    install_timeout: InstallTimeout = int(LIMITS.whole),
    verify: Verify = False,
    verify_timeout: VerifyTimeout = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Build what changed in a recipe and publish it as a new version."""
    from builder.pipeline import build as build_recipe
    from builder.verify import BootGate, VerifySettings

    place, limits = output_at(output), InstallLimits(stall_timeout, install_timeout)
    upstream = refresh_of(refresh, on_unreachable, place)
    with Progress() as progress:
        gate = BootGate(place, progress, VerifySettings(verify_timeout)) if verify else None
        parents, own = load_all(recipe, base, place, progress, with_parents=with_parents)
        built = []
        for parent in parents:
            progress.say(f"parent template {parent.name} ({parent.file}):")
            built.append(build_recipe(parent, place, progress, limits, upstream, gate))
        if parents:
            progress.say(f"{own.name}:")
        result = build_recipe(own, place, progress, limits, upstream, gate)
    if as_json:
        print_json(result.to_json() | ({"parents": [each.to_json() for each in built]} if with_parents else {}))
        return
    print(result.version.folder)
    if result.changed:
        progress.say(f"published {result.version} in {result.seconds:.1f} s; clone it with:")
    else:
        progress.say(f"nothing changed: {result.version} is up to date; clone it with:")
    progress.say(f"  golden clone {result.version.template} node1")


@app.command()
def plan(
    recipe: RecipeFile,
    base: OtherBase = None,
    with_parents: WithParents = False,
    refresh: RefreshUpstream = False,
    on_unreachable: OnUnreachable = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show what a build would run or reuse, and why. Changes nothing."""
    from builder.plan import make_plan

    place, progress = output_at(output), Progress()
    upstream = refresh_of(refresh, on_unreachable, place)
    parents, own = load_all(recipe, base, place, progress, with_parents=with_parents)
    plans: list[Plan] = []
    for each in (*parents, own):
        plans.append(make_plan(each, place, progress, plans[-1] if plans else None, upstream))
    *parent_plans, last = plans
    if as_json:
        print_json(plan_json(last) | ({"parents": [plan_json(plan) for plan in parent_plans]} if with_parents else {}))
        return
    for each_plan in plans:
        if parent_plans:
            print(f"{each_plan.recipe.name}:")
        show_plan(each_plan)


def refresh_of(refresh: bool, on_unreachable: UnreachablePolicy | None, output: Output) -> Refresh | None:
    """How to check upstream, for all recipes of one command; None without --refresh. Raises RequestError."""
    from builder.plan import Refresh

    if on_unreachable and not refresh:
        raise RequestError("--on-unreachable needs --refresh", hint="add --refresh: without it, no server is asked")
    return Refresh("fail" if on_unreachable is UnreachablePolicy.FAIL else "keep").at(output) if refresh else None


def load_all(
    file: Path, base: Path | None, output: Output, emit: Emit, *, with_parents: bool
) -> tuple[list[Recipe], Recipe]:
    """The parent recipes, the oldest ancestor first, and the recipe itself. Raises RequestError."""
    from builder.recipe import load
    from builder.recipe.parents import load_parents, report_edited_parent

    if with_parents and base:
        raise RequestError(
            "--base and --with-parents exclude each other", hint="drop one of them: with --base, a recipe has no parent"
        )
    own = load(file, base=base)
    if with_parents:
        return load_parents(own, emit), own
    report_edited_parent(own, output, emit)
    return [], own


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as JSON. Keys that are unknown until the parent is built are null."""
    return {
        "template": plan.recipe.name,
        "changed": plan.changed,
        "actions": [
            {
                "step": action.step,
                "title": action.title,
                "key": None if plan.awaits else action.key,
                "status": "cached" if action.reused else "run",
                "reason": action.reason,
            }
            for action in plan.actions
        ],
        "moved": [each.to_json() for each in plan.moved],
    }


def show_plan(plan: Plan) -> None:
    width = max(len(action.title) for action in plan.actions)
    for action in plan.actions:
        print(f"{'reuse' if action.reused else 'run':<6}{action.title[:40]:<{min(width, 40)}}  {action.reason}")
    for each in plan.moved:
        print(f"changed upstream: {each.url} (read by {each.title})")
