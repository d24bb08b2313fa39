"""golden promote, golden rollback, golden history."""

from __future__ import annotations

from typing import Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json, say
from builder.store import Store

app = typer.Typer()

Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Reason to record in the history.")]


@app.command()
def promote(
    reference: Annotated[
        str,
        typer.Argument(metavar="TEMPLATE", help="NAME:VERSION, or NAME@CHANNEL for that channel's current version."),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="CHANNEL", help="Channel to point at the version, such as stable.")
    ],
    why: Why = "",
    force: Annotated[bool, typer.Option("--force", help="Promote the version even if it failed verification.")] = False,
    output: OutputFolder = OUTPUT,
) -> None:
    """Point a channel, such as stable, at a version."""
    store = Store(output_at(output).templates)
    version = store.find(reference)
    move = store.promote(version.template, version.name, to, why, force=force)
    if move.before == move.to:
        say(f"{version.template}@{to} already points at {move.to}")
    else:
        say(f"{version.template}@{to} now points at {move.to}; before: {move.before or 'no version'}")


@app.command()
def rollback(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="Name of a template.")],
    channel: Annotated[str, typer.Option("--channel", metavar="CHANNEL", help="Channel to roll back.")] = "latest",
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="Return to this version instead of the previous one.")
    ] = None,
    why: Why = "",
    output: OutputFolder = OUTPUT,
) -> None:
    """Return a channel to its previous version; repeat to go further back."""
    result = Store(output_at(output).templates).rollback(template, channel, why, to=to)
    for skipped in result.skipped:
        say(f"skipped: {skipped}")
    if result.move.before == result.move.to:
        say(f"{template}@{channel} already points at {result.move.to}")
    else:
        say(f"{template}@{channel} points at {result.move.to} again; before: {result.move.before}")


@app.command()
def history(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="Name of a template.")],
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show each move of a template's channels: when, by whom and why; newest last."""
    moves = Store(output_at(output).templates).history(template)
    if as_json:
        print_json([move.to_json() for move in moves])
        return
    if not moves:
        say(f"no move of a channel of {template} is recorded")
    for move in moves:
        why = f"  {move.why}" if move.why else ""
        print(f"{move.when[:19]}Z  {move.how:<8}  {move.channel:<10} {move.to}  by {move.who}{why}")
