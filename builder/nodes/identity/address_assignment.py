"""Which node gets which address."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Sequence

from builder.domains.metadata import NodeReservation
from builder.errors import RequestError
from builder.guest import network
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.networks import Network, Reservation
from builder.nodes.identity.nics import Nic
from builder.nodes.identity.request import CloneRequest, FixedAddress, NodeSpec
from builder.nodes.journal import CloneClaim

FIRST_INTERFACE = "eth0"
"""What a template's first interface is called; recipes see to that with `net.ifnames=0`."""


class AddressAssigner:
    """Gives nodes their addresses on the network of their first interface."""

    def __init__(self, nic: Nic, hypervisor: Hypervisor, request: CloneRequest, others: Sequence[CloneClaim]) -> None:
        """Raises RequestError where the address that is asked for cannot be had."""
        self._network: Network | None = hypervisor.network(nic.source) if nic.kind == "network" else None
        self._asked = request.address
        self._taken = {address for choice in others for address in choice.addresses}
        if self._network is None:
            if self._asked and nic.kind == "user":
                raise RequestError("--ip needs a network; on QEMU's user-mode network every node is 10.0.2.15")
            self._addresses = self._from_asked()
            return
        if request.start and not self._network.active:
            raise RequestError(
                f"the network {nic.source} is not active", hint=f"golden network start {nic.source}, or --no-start"
            )
        self._definition = self._network.definition()
        self._taken |= {each.address for each in self._definition.reservations}
        self._taken |= {lease.address for lease in self._network.leases()}
        self._taken |= {str(own.ip) for own in self._definition.addresses}
        self._addresses = self._from_asked() if self._asked else self._from_range()

    def give(self, node: NodeSpec) -> NodeSpec:
        """The node with a reservation, or with static settings; as it is where DHCP is somebody else's."""
        if self._network is not None and self._definition.subnet is not None:
            address = next(self._addresses)
            reservation = Reservation(node.nics[0].mac or "", str(address), node.hostname)
            return dataclasses.replace(node, reserved=NodeReservation(self._network.name, reservation))
        if self._asked is None:
            return node
        return dataclasses.replace(node, static=self._static(next(self._addresses), self._asked))

    def _from_asked(self) -> Iterator[ipaddress.IPv4Address]:
        """The address that was asked for, and those after it for further nodes. Raises RequestError."""
        if self._asked is None:
            return
        address = self._asked.address
        while True:
            self._check(address)
            yield address
            address += 1

    def _from_range(self) -> Iterator[ipaddress.IPv4Address]:
        """The free addresses of the DHCP ranges. Raises RequestError at their end."""
        for first, last in self._definition.ranges:
            for number in range(int(first), int(last) + 1):
                if str(address := ipaddress.IPv4Address(number)) not in self._taken:
                    yield address
        raise RequestError(
            f"the network {self._definition.name} has no free address left in its DHCP range",
            hint="name one outside of it with --ip, or remove nodes",
        )

    def _check(self, address: ipaddress.IPv4Address) -> None:
        where = f"--ip {address}"
        if str(address) in self._taken:
            raise RequestError(f"the address {address} is taken", where=where)
        subnet = self._subnet()
        if subnet is None:
            return
        if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
            raise RequestError(f"{address} is no host's address in the network {subnet}", where=where)

    def _subnet(self) -> ipaddress.IPv4Network | None:
        own = next(self._own_addresses(), None)
        if own is not None:
            return own.network
        assert self._asked is not None
        prefix = self._asked.prefix
        return None if prefix is None else ipaddress.IPv4Interface(f"{self._asked.address}/{prefix}").network

    def _own_addresses(self) -> Iterator[ipaddress.IPv4Interface]:
        if self._network is not None:
            yield from (own for own in self._definition.addresses if isinstance(own, ipaddress.IPv4Interface))

    def _static(self, address: ipaddress.IPv4Address, asked: FixedAddress) -> network.InterfaceSettings:
        subnet, own = self._subnet(), next(self._own_addresses(), None)
        if subnet is None:
            raise RequestError(
                "on a bridge an address needs its prefix length", where=f"--ip {address}", hint=f"--ip {address}/24"
            )
        routed = own is not None and self._definition.forward is not None
        gateway = asked.gateway or (str(own.ip) if own is not None and routed else None)
        return network.InterfaceSettings(FIRST_INTERFACE, f"{address}/{subnet.prefixlen}", gateway, list(asked.dns))
