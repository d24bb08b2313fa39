"""The addresses that nodes have, or will have."""

from __future__ import annotations

import time
from collections.abc import Sequence
from xml.etree import ElementTree

from builder.errors import HostError
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain, macs

PAUSE = 0.5
"""Seconds between two looks."""


class Leases:
    """What DHCP gave out on a hypervisor's networks, asked once, by hardware address."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        """Raises HypervisorError."""
        self._found: dict[str, list[str]] = {}
        for network in hypervisor.networks():
            for lease in none_if_gone(network.leases) or []:
                self._found.setdefault(lease.mac, []).append(lease.address)

    def of(self, tree: ElementTree.Element) -> list[str]:
        """The addresses of a domain's interfaces, in the interfaces' order."""
        return [address for mac in macs(tree) for address in self._found.get(mac, [])]


def addresses_of(domain: Domain, leases: Leases) -> list[str]:
    """A node's addresses: by its leases, else as seen by the agent in it or its host. Raises HypervisorError."""
    return leases.of(domain.tree()) or (domain.seen_addresses() if domain.active else [])


def wait_for_addresses(
    domains: Sequence[Domain], hypervisor: Hypervisor, timeout: float, begun: float | None = None
) -> dict[str, list[str]]:
    """The addresses of nodes, by name, once each has one.

    Raises HostError `timeout` seconds after it `begun` (time.monotonic), by default now.
    """
    deadline = (time.monotonic() if begun is None else begun) + timeout
    found: dict[str, list[str]] = {}
    while True:
        leases = Leases(hypervisor)
        for domain in domains:
            if not found.get(domain.name):
                found[domain.name] = addresses_of(domain, leases)
        missing = [name for name, addresses in found.items() if not addresses]
        if not missing:
            return found
        if time.monotonic() > deadline:
            raise HostError(
                f"no address within {timeout:.0f} s: {', '.join(missing)}",
                hint="addresses come from a libvirt network's DHCP, or from qemu-guest-agent in the node",
            )
        time.sleep(PAUSE)
