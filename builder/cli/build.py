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

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, such as recipes/debian-12.yaml.")]

OtherBase = Annotated[
    Path | None, typer.Option("--base", metavar="FILE", help="A disk image to start from, not the recipe's own base.")
]

LIMITS = InstallLimits()

StallTimeout = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, help="For which an installer may show no sign of life.")
]
InstallTimeout = Annotated[int, typer.Option(metavar="SECONDS", min=1, help="That a whole install may take.")]

Verify = Annotated[bool, typer.Option("--verify", help="`latest` moves only to what passes `golden verify`.")]
VerifyTimeout = Annotated[int | None, TIMEOUT]

WithParents = Annotated[
    bool,
    typer.Option("--with-parents", help="The recipes of the same folder that it stands on come first."),
]


LookAgain = Annotated[
    bool, typer.Option("--refresh", help="What moved in repositories upstream counts as a change, too.")
]


class UnreachablePolicy(StrEnum):
    KEEP = "keep"
    FAIL = "fail"


OnUnreachable = Annotated[
    UnreachablePolicy | None,
    typer.Option(
        help="With --refresh: whether what came from a server that does not answer is kept, as it is without this "
        "option, or that is an error.",
    ),
]


@app.command()
def build(
    recipe: RecipeFile,
    base: OtherBase = None,
    with_parents: WithParents = False,
    refresh: LookAgain = False,
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
    looking = refresh_of(refresh, on_unreachable, place)
    with Progress() as progress:
        gate = BootGate(place, progress, VerifySettings(verify_timeout)) if verify else None
        parents, own = load_all(recipe, base, place, progress, with_parents=with_parents)
        before = []
        for parent in parents:
            progress.say(f"the parent {parent.name}, from {parent.file}:")
            before.append(build_recipe(parent, place, progress, limits, looking, gate))
        if parents:
            progress.say(f"{own.name}:")
        result = build_recipe(own, place, progress, limits, looking, gate)
    if as_json:
        print_json(result.to_json() | ({"parents": [each.to_json() for each in before]} if with_parents else {}))
        return
    print(result.version.folder)
    if result.changed:
        progress.say(f"published {result.version} in {result.seconds:.1f} s; clone it with:")
    else:
        progress.say(f"nothing changed: {result.version} stands; clone it with:")
    progress.say(f"  golden clone {result.version.template} node1")


@app.command()
def plan(
    recipe: RecipeFile,
    base: OtherBase = None,
    with_parents: WithParents = False,
    refresh: LookAgain = False,
    on_unreachable: OnUnreachable = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show what a build would run and what it would reuse, and why. Changes nothing."""
    from builder.plan import make_plan

    place, progress = output_at(output), Progress()
    looking = refresh_of(refresh, on_unreachable, place)
    parents, own = load_all(recipe, base, place, progress, with_parents=with_parents)
    plans: list[Plan] = []
    for each in (*parents, own):
        plans.append(make_plan(each, place, progress, plans[-1] if plans else None, looking))
    *before, last = plans
    if as_json:
        print_json(plan_json(last) | ({"parents": [plan_json(made) for made in before]} if with_parents else {}))
        return
    for made in plans:
        if before:
            print(f"{made.recipe.name}:")
        show_plan(made)


def refresh_of(refresh: bool, on_unreachable: UnreachablePolicy | None, output: Output) -> Refresh | None:
    """How to look upstream, for all the recipes of one call. Raises RequestError."""
    from builder.plan import Refresh

    if on_unreachable and not refresh:
        raise RequestError("--on-unreachable goes with --refresh", hint="without it no repository is asked")
    return Refresh("fail" if on_unreachable is UnreachablePolicy.FAIL else "keep").at(output) if refresh else None


def load_all(
    file: Path, base: Path | None, output: Output, emit: Emit, *, with_parents: bool
) -> tuple[list[Recipe], Recipe]:
    """The recipes that are built before one, the oldest first, and that one. Raises RequestError."""
    from builder.recipe import load
    from builder.recipe.parents import load_parents, report_edited_parent

    if with_parents and base:
        raise RequestError("--base and --with-parents exclude each other", hint="with --base nothing has a parent")
    own = load(file, base=base)
    if with_parents:
        return load_parents(own, emit), own
    report_edited_parent(own, output, emit)
    return [], own


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan for programs. Keys that only the build of a parent will tell are null."""
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
        print(f"moved {each.url}, seen by {each.title}")
