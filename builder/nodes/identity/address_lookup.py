"""Looking up the addresses of nodes, and waiting for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from xml.etree import ElementTree

from builder.errors import HostError
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain, macs

POLL_INTERVAL = 0.5
"""Seconds between two lookups."""


class Leases:
    """The DHCP leases of all networks of a hypervisor, read once, by MAC address."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        """Raises HypervisorError."""
        self._addresses: dict[str, list[str]] = {}
        for network in hypervisor.networks():
            for lease in none_if_gone(network.leases) or []:
                self._addresses.setdefault(lease.mac, []).append(lease.address)

    def of(self, tree: ElementTree.Element) -> list[str]:
        """The leased addresses of a domain, in the order of its interfaces."""
        return [address for mac in macs(tree) for address in self._addresses.get(mac, [])]


def addresses_of(domain: Domain, leases: Leases) -> list[str]:
    """A node's addresses: from its leases, else from its guest agent or the host's ARP table.

    Raises HypervisorError.
    """
    return leases.of(domain.tree()) or (domain.seen_addresses() if domain.active else [])


def wait_for_addresses(
    domains: Sequence[Domain], hypervisor: Hypervisor, timeout: float, begun: float | None = None
) -> dict[str, list[str]]:
    """Wait until each node has an address, and return them by node name.

    Raises HostError `timeout` seconds after `begun` (time.monotonic), by default after now.
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
                hint=f"run `golden node console {missing[0]}` to see whether it booted; "
                "without libvirt's DHCP, golden learns the address only from qemu-guest-agent in the node",
            )
        time.sleep(POLL_INTERVAL)
