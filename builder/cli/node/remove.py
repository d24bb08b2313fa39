"""golden node remove."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.node.common import Names, for_each
from builder.cli.options import OUTPUT, OutputFolder, on_terminal, output_at, say
from builder.errors import RequestError

if TYPE_CHECKING:
    from builder.hypervisor.connection import Hypervisor
    from builder.nodes.managing.node import Node

app = typer.Typer()


@app.command()
def remove(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    keep_disks: Annotated[bool, typer.Option("--keep-disks", help="Keep the nodes' disk volumes.")] = False,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
) -> None:
    """Remove nodes, with the disks and DHCP reservations that golden created for them."""
    from builder.nodes.managing.remove import Remover

    if not yes and not on_terminal():
        raise RequestError("cannot ask whether to remove nodes: no terminal", hint="pass --yes to remove them")

    @functools.cache
    def remover(hypervisor: Hypervisor) -> Remover:
        return Remover(hypervisor, output_at(output), keep_disks=keep_disks)

    def work(node: Node, hypervisor: Hypervisor) -> None:
        removal = remover(hypervisor).plan(node)
        if not yes:
            for line in removal.lines():
                say(line)
            if not typer.confirm(f"remove the node {node.name}?", err=True):
                say(f"{node.name} is kept")
                return
            remover(hypervisor).refresh()
            removal = remover(hypervisor).plan(node)
        remover(hypervisor).remove(removal)
        for file in removal.kept:
            say(f"kept {file}")
        say(f"{node.name} is removed")

    for_each(names, connect, output, work, lambda hypervisor: remover(hypervisor).release_base_volumes())
