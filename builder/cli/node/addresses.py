"""golden node ip."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.connection import Connect
from builder.cli.node.common import Names, for_each
from builder.cli.options import OUTPUT, AsJson, OutputFolder, print_json

if TYPE_CHECKING:
    from builder.hypervisor.connection import Hypervisor
    from builder.nodes.managing.node import Node

app = typer.Typer()


@app.command()
def ip(
    names: Names,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for an address. Default: do not wait.")] = 0.0,
    connect: Connect = None,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Print the IP addresses of nodes.

    They come from DHCP leases; else from the guest agent or the host's ARP table; else from reservations.
    """
    from builder.nodes.identity.address_lookup import Leases, addresses_of, wait_for_addresses

    found: dict[str, list[str]] = {}
    started = time.monotonic()

    def work(node: Node, hypervisor: Hypervisor) -> None:
        if wait:
            found.update(wait_for_addresses([node.domain], hypervisor, wait, started))
        else:
            reserved = [each.reservation.address for each in node.metadata.reservations]
            found[node.name] = addresses_of(node.domain, Leases(hypervisor)) or reserved
        if not as_json:
            print(f"{node.name:<20} {' '.join(found[node.name]) or '-'}")

    try:
        for_each(names, connect, output, work)
    finally:
        if as_json:
            print_json(found)
