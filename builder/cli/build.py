"""golden build, golden plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.cli.progress import Progress
from builder.installer import Limits

app = typer.Typer()

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, such as recipes/debian-12.yaml.")]

OtherBase = Annotated[
    Path | None, typer.Option("--base", metavar="FILE", help="A disk image to start from, not the recipe's own base.")
]

LIMITS = Limits()

StallTimeout = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, help="For which an installer may show no sign of life.")
]
InstallTimeout = Annotated[int, typer.Option(metavar="SECONDS", min=1, help="That a whole install may take.")]


@app.command()
def build(
    recipe: RecipeFile,
    base: OtherBase = None,
    stall_timeout: StallTimeout = int(LIMITS.stall),
    install_timeout: InstallTimeout = int(LIMITS.whole),
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Build what changed in a recipe and publish it as a new version."""
    from builder.build import build as build_recipe
    from builder.recipe import load

    limits = Limits(stall_timeout, install_timeout)
    loaded = load(recipe, base=base)
    with Progress() as progress:
        result = build_recipe(loaded, output_at(output), progress, limits)
    if as_json:
        print_json(result.to_json())
        return
    print(result.version.folder)
    if result.changed:
        progress.say(f"published {result.version} in {result.seconds:.1f} s; clone it with:")
    else:
        progress.say(f"nothing changed: {result.version} stands; clone it with:")
    progress.say(f"  golden clone {result.version.template} node1")


@app.command()
def plan(recipe: RecipeFile, base: OtherBase = None, output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """Show what a build would run and what it would reuse, and why. Changes nothing."""
    from builder.plan import make_plan
    from builder.recipe import load

    made = make_plan(load(recipe, base=base), output_at(output), Progress())
    if as_json:
        print_json(
            {
                "template": made.recipe.name,
                "changed": made.changed,
                "actions": [
                    {
                        "step": action.step,
                        "title": action.title,
                        "key": action.key,
                        "status": "cached" if action.reused else "run",
                        "reason": action.reason,
                    }
                    for action in made.actions
                ],
            }
        )
        return
    width = max(len(action.title) for action in made.actions)
    for action in made.actions:
        print(f"{'reuse' if action.reused else 'run':<6}{action.title[:40]:<{min(width, 40)}}  {action.reason}")
