"""golden promote, golden rollback, golden history."""

from __future__ import annotations

from typing import Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json, say
from builder.store import Store

app = typer.Typer()

Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the history.")]


@app.command()
def promote(
    reference: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="NAME:VERSION, or NAME@CHANNEL for what that names now.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="CHANNEL", help="The channel that names it from now on.")],
    why: Why = "",
    force: Annotated[bool, typer.Option("--force", help="A version that failed its verification, too.")] = False,
    output: OutputFolder = OUTPUT,
) -> None:
    """Have a channel, such as stable, name a version."""
    store = Store(output_at(output).templates)
    version = store.find(reference)
    move = store.promote(version.template, version.name, to, why, force=force)
    if move.before == move.to:
        say(f"{version.template}@{to} is {move.to} already")
    else:
        say(f"{version.template}@{to} is {move.to} now; it was {move.before or 'no version'}")


@app.command()
def rollback(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="A template's name.")],
    channel: Annotated[
        str, typer.Option("--channel", metavar="CHANNEL", help="The channel that goes back.")
    ] = "latest",
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="Go back to this one, not to the one before.")
    ] = None,
    why: Why = "",
    output: OutputFolder = OUTPUT,
) -> None:
    """Have a channel name again what it named before; once more, and it goes further back."""
    done = Store(output_at(output).templates).rollback(template, channel, why, to=to)
    for passed in done.passed_over:
        say(f"passed over: {passed}")
    if done.move.before == done.move.to:
        say(f"{template}@{channel} is {done.move.to} already")
    else:
        say(f"{template}@{channel} is {done.move.to} again; it was {done.move.before}")


@app.command()
def history(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="A template's name.")],
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show what the channels of a template named, and when, by whom and why; the last move comes last."""
    moves = Store(output_at(output).templates).history(template)
    if as_json:
        print_json([move.to_json() for move in moves])
        return
    if not moves:
        say(f"no channel of {template} was moved since there is a history")
    for move in moves:
        why = f"  {move.why}" if move.why else ""
        print(f"{move.when[:19]}Z  {move.how:<8}  {move.channel:<10} {move.to}  by {move.who}{why}")
