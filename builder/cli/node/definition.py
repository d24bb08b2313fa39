"""golden node xml, edit, add-disk, add-nic."""

from __future__ import annotations

from typing import Annotated

import typer

from builder import locks
from builder.cli.connection import Connect
from builder.cli.editor import edit_until_valid
from builder.cli.node.common import Name, opened_node
from builder.cli.options import OUTPUT, OutputFolder, output_at, say
from builder.errors import RequestError
from builder.sizes import format_size, parse_size

app = typer.Typer()


@app.command()
def xml(
    name: Name,
    live: Annotated[
        bool, typer.Option("--live", help="Print the running domain's XML instead of the defined one.")
    ] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Print a node's domain XML."""
    with opened_node(name, connect, output) as (node, _):
        print(node.domain.xml(inactive=not live), end="")


@app.command()
def edit(name: Name, connect: Connect = None, output: OutputFolder = OUTPUT) -> None:
    """Edit a node's domain XML in $VISUAL, $EDITOR or vi; invalid XML is rejected."""
    from builder.nodes.managing.edit import redefine

    with opened_node(name, connect, output) as (node, hypervisor):
        before = node.domain.xml(secrets=True)
        if not edit_until_valid(before, name, lambda text: redefine(node, before, text, hypervisor)):
            say(f"{name} is unchanged")
        else:
            say(f"{name} is changed" + ("; restart it for the change to take effect" if node.domain.active else ""))


@app.command("add-disk")
def add_disk(
    name: Name,
    size: Annotated[str, typer.Argument(metavar="SIZE", help="Size of the disk, such as 20G.")],
    pool: Annotated[
        str | None, typer.Option(help="libvirt storage pool. Default: the pool of the node's first disk.")
    ] = None,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Add an empty disk to a node, running or not."""
    from builder.nodes.managing.devices import add_disk as add

    try:
        capacity = parse_size(size)
        if not parse_size("1M") <= capacity <= parse_size("64T"):
            raise ValueError("must be a size from 1M to 64T")
    except ValueError as error:
        raise RequestError(str(error), where=size) from error
    # Two commands at once would choose the same device, and one would overwrite the other's record.
    with locks.held(output_at(output).clones / "disks.lock"), opened_node(name, connect, output) as (node, hypervisor):
        device = add(node, capacity, hypervisor, pool)
    say(f"added disk {device} to {name}, {format_size(capacity)}")


@app.command("add-nic")
def add_nic(
    name: Name,
    nic: Annotated[
        str, typer.Argument(metavar="KEY=VALUE,…", help="network=NAME or bridge=NAME, optionally ,mac=… and ,model=…")
    ],
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Add a network interface to a node, running or not."""
    from builder.nodes.identity.nics import parse_nic
    from builder.nodes.managing.devices import add_nic as add

    request = parse_nic(nic)
    with opened_node(name, connect, output) as (node, hypervisor):
        added = add(node, request, hypervisor)
    say(f"added an interface on {added.source or 'the user-mode network'} to {name}, {added.mac}")
