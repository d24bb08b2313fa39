"""golden lint, schema, reference, steps, seal: commands that need no guest."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import AsJson, print_json
from builder.cli.tables import make_table, show_table
from builder.errors import Problem, RecipeError, RequestError, did_you_mean

if TYPE_CHECKING:
    from builder.recipe.describe import StepDescription, StepOption

app = typer.Typer()


@app.command()
def lint(
    recipes: Annotated[list[Path], typer.Argument(metavar="RECIPE...", help="Recipe files to check.")],
    as_json: AsJson = False,
) -> None:
    """Check recipes, and print every problem with its file, line and column."""
    from builder.recipe import load

    problems: list[Problem] = []
    for file in recipes:
        try:
            load(file)
        except RecipeError as error:
            problems += error.problems
            if not as_json:
                typer.echo(str(error), err=True)
        else:
            if not as_json:
                typer.echo(f"{file}: ok")
    if as_json:
        print_json([{**asdict(problem), "file": str(problem.file)} for problem in problems])
    if problems:
        raise typer.Exit(RecipeError.exit_code)


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from builder.recipe.schema import make_schema

    print_json(make_schema())


@app.command()
def reference() -> None:
    """Print the reference of all bases, steps and seal operations, as Markdown."""
    from builder.recipe.reference import make_reference

    typer.echo(make_reference(), nl=False)


@app.command()
def steps(
    name: Annotated[str | None, typer.Argument(help="Step to explain.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the steps that a recipe can have, or explain one of them."""
    from builder.recipe.describe import describe
    from builder.steps import registry

    if name is not None and name not in registry():
        message = f'unknown step "{name}"{did_you_mean(name, registry())}'
        raise RequestError(message, hint="list all steps with `golden steps`")
    if name is not None:
        description = describe(registry()[name])
        if as_json:
            print_json(asdict(description))
        else:
            _explain(description)
    elif as_json:
        print_json([asdict(describe(step)) for step in registry().values()])
    else:
        table = make_table("step", "what it does")
        for step in registry().values():
            table.add_row(step.step_name, step.heading())
        show_table(table)


@app.command()
def seal(
    name: Annotated[str | None, typer.Argument(help="Operation to explain.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List all operations. The default without NAME.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the operations of the seal, or explain one of them."""
    from builder.recipe.describe import describe_operation
    from builder.seal import registry

    if name is not None and name not in registry():
        message = f'unknown seal operation "{name}"{did_you_mean(name, registry())}'
        raise RequestError(message, hint="list all operations with `golden seal`")
    operations = [describe_operation(one) for one in registry().values() if listing or name in (None, one.name)]
    if as_json:
        print_json([asdict(one) for one in operations] if listing or name is None else asdict(operations[0]))
    elif listing or name is None:
        table = make_table("operation", "default", "what it does")
        for one in operations:
            table.add_row(one.name, "yes" if one.default else "no", one.heading)
        show_table(table)
    else:
        (one,) = operations
        typer.echo(f"{one.name}: {one.heading}")
        if one.docs:
            typer.echo(f"\n{one.docs}")
        typer.echo(f"\nRuns by default: {'yes' if one.default else 'no'}.")
        for title, paths in one.paths.items():
            typer.echo(f"\n{title}:\n" + "\n".join(f"  {path}" for path in paths))


def _explain(step: StepDescription) -> None:
    typer.echo(f"{step.name}: {step.heading}")
    if step.docs:
        typer.echo(f"\n{step.docs}")
    facts = [f"Guests: {', '.join(step.guests) or 'all'}."]
    if step.shorthand:
        facts.append(f"A value that is not a map sets {step.shorthand}.")
    if step.late:
        facts.append("Runs after all other steps, wherever the recipe lists it.")
    typer.echo("\n" + " ".join(facts))
    if step.options:
        typer.echo()
        table = make_table("option", "type", "default", "what it is")
        for option in step.options:
            table.add_row(option.name, option.type, _default(option), option.description)
        show_table(table)
    typer.echo("\nExample:\n- " + step.example.rstrip().replace("\n", "\n  "))


def _default(option: StepOption) -> str:
    if option.required:
        return "(required)"
    return "" if option.default is None else json.dumps(option.default, ensure_ascii=False)
