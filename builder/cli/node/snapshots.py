"""golden node snapshot, revert."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.node.common import Name, one, when
from builder.cli.options import OUTPUT, AsJson, OutputFolder, print_json, say
from builder.errors import RequestError

app = typer.Typer()


@app.command()
def snapshot(
    name: Name,
    called: Annotated[str | None, typer.Argument(metavar="[NAME]", help="What to call it; else the time.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the snapshots.")] = False,
    delete: Annotated[str | None, typer.Option(metavar="NAME", help="Delete that one.")] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Keep a state of a node to go back to: its disks, and its memory where it runs."""
    from builder.nodes.managing import snapshots

    if sum([called is not None, listing, delete is not None]) > 1:
        raise RequestError("a NAME, --list and --delete exclude each other")
    if as_json and not listing:
        raise RequestError("--json goes with --list")
    with one(name, connect, output) as (node, _):
        if as_json:
            print_json([asdict(each) for each in node.domain.snapshots()])
        elif listing:
            for each in node.domain.snapshots():
                print(f"{each.name:<24} {when(each.created)}  {each.state}")
        elif delete is not None:
            snapshots.delete(node, delete)
            say(f"{name} has no snapshot {delete} any more")
        else:
            called = called or f"{datetime.now():%Y%m%d-%H%M%S}"
            snapshots.create(node, called)
            say(f"{name} has the snapshot {called}; golden node revert {name} {called} goes back to it")


@app.command()
def revert(
    name: Name,
    called: Annotated[str, typer.Argument(metavar="NAME", help="A snapshot's name.")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Go back to a snapshot; what a node is now is lost."""
    from builder.nodes.managing import snapshots

    with one(name, connect, output) as (node, _):
        snapshots.revert(node, called)
        say(f"{name} is as in {called}, {node.domain.state}")
