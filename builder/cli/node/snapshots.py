"""golden node snapshot, revert."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.node.common import Name, format_time, opened_node
from builder.cli.options import OUTPUT, AsJson, OutputFolder, print_json, say
from builder.errors import RequestError

app = typer.Typer()


@app.command()
def snapshot(
    name: Name,
    snapshot_name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of the snapshot. Default: the current time.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the node's snapshots.")] = False,
    delete: Annotated[str | None, typer.Option(metavar="NAME", help="Delete this snapshot.")] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Take a snapshot of a node: its disks and, if it is running, its memory."""
    from builder.nodes.managing import snapshots

    if sum([snapshot_name is not None, listing, delete is not None]) > 1:
        raise RequestError("a NAME, --list and --delete exclude each other")
    if as_json and not listing:
        raise RequestError("--json needs --list")
    with opened_node(name, connect, output) as (node, _):
        if as_json:
            print_json([asdict(each) for each in node.domain.snapshots()])
        elif listing:
            for each in node.domain.snapshots():
                print(f"{each.name:<24} {format_time(each.created)}  {each.state}")
        elif delete is not None:
            snapshots.delete(node, delete)
            say(f"deleted snapshot {delete} of {name}")
        else:
            snapshot_name = snapshot_name or f"{datetime.now():%Y%m%d-%H%M%S}"
            snapshots.create(node, snapshot_name)
            say(
                f"took snapshot {snapshot_name} of {name}; return to it with "
                f"`golden node revert {name} {snapshot_name}`"
            )


@app.command()
def revert(
    name: Name,
    snapshot_name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the snapshot.")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Return a node to a snapshot; its current state is lost."""
    from builder.nodes.managing import snapshots

    with opened_node(name, connect, output) as (node, _):
        snapshots.revert(node, snapshot_name)
        say(f"{name} is back at snapshot {snapshot_name}, {node.domain.state}")
