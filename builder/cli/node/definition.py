"""golden node xml, edit, add-disk, add-nic."""

from __future__ import annotations

from typing import Annotated

import typer

from builder import locks
from builder.cli.connection import Connect
from builder.cli.editor import edit_until_right
from builder.cli.node.common import Name, one
from builder.cli.options import OUTPUT, OutputFolder, output_at, say
from builder.errors import RequestError
from builder.sizes import format_size, parse_size

app = typer.Typer()


@app.command()
def xml(
    name: Name,
    live: Annotated[bool, typer.Option("--live", help="What runs now, not what it is defined as.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Print a node's XML."""
    with one(name, connect, output) as (node, _):
        print(node.domain.xml(inactive=not live), end="")


@app.command()
def edit(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Edit a node's XML with $VISUAL, $EDITOR or vi; it is checked before it is defined."""
    from builder.nodes.managing.edit import redefine

    with one(name, connect, output) as (node, hypervisor):
        before = node.domain.xml(secrets=True)
        if not edit_until_right(before, name, lambda text: redefine(node, before, text, hypervisor)):
            say(f"{name} is unchanged")
        else:
            say(f"{name} is changed" + ("; that takes effect when it starts again" if node.domain.active else ""))


@app.command("add-disk")
def add_disk(
    name: Name,
    size: Annotated[str, typer.Argument(metavar="SIZE", help="Such as 20G.")],
    pool: Annotated[
        str | None, typer.Option(help="libvirt's storage pool; else that of the node's first disk.")
    ] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Give a node a further, empty disk, running or not."""
    from builder.nodes.managing.devices import add_disk as add

    try:
        count = parse_size(size)
        if not parse_size("1M") <= count <= parse_size("64T"):
            raise ValueError("must be from 1M to 64T")
    except ValueError as error:
        raise RequestError(str(error), where=size) from error
    # Two at once would find the same device free, and one would forget what the other notes.
    with locks.held(output_at(output).clones / "disks.lock"), one(name, connect, output) as (node, hypervisor):
        device = add(node, count, hypervisor, pool)
    say(f"{name} has the disk {device}, {format_size(count)}")


@app.command("add-nic")
def add_nic(
    name: Name,
    nic: Annotated[str, typer.Argument(metavar="KEY=VALUE,…", help="network=NAME or bridge=NAME, and mac=… model=…")],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Give a node a further interface, running or not."""
    from builder.nodes.identity.nics import parse_nic
    from builder.nodes.managing.devices import add_nic as add

    wanted = parse_nic(nic)
    with one(name, connect, output) as (node, hypervisor):
        plugged = add(node, wanted, hypervisor)
    say(f"{name} has an interface on {plugged.source or 'the user-mode network'}, {plugged.mac}")
