"""Assigning addresses to new nodes."""

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
"""The name of a node's first interface; recipes ensure it with `net.ifnames=0`."""


class AddressAssigner:
    """Assigns nodes their addresses on the network of their first interface."""

    def __init__(self, nic: Nic, hypervisor: Hypervisor, request: CloneRequest, others: Sequence[CloneClaim]) -> None:
        """`others` are the claims of calls that still run. Raises RequestError if `--ip` cannot work there."""
        self._network: Network | None = hypervisor.network(nic.source) if nic.kind == "network" else None
        self._requested = request.address
        self._taken = {address for claim in others for address in claim.addresses}
        if self._network is None:
            if self._requested and nic.kind == "user":
                raise RequestError(
                    "--ip does not work on QEMU's user-mode network: every node there has 10.0.2.15",
                    hint="choose a network with --nic network=NAME, or leave --ip out",
                )
            self._addresses = self._from_request()
            return
        if request.start and not self._network.active:
            raise RequestError(
                f"the network {nic.source} is not active",
                hint=f"run `golden network start {nic.source}`, or add --no-start",
            )
        self._definition = self._network.definition()
        self._taken |= {each.address for each in self._definition.reservations}
        self._taken |= {lease.address for lease in self._network.leases()}
        self._taken |= {str(own.ip) for own in self._definition.addresses}
        self._addresses = self._from_request() if self._requested else self._from_ranges()

    def assign(self, node: NodeSpec) -> NodeSpec:
        """The node with a DHCP reservation or static settings; unchanged if golden does not control its address."""
        if self._network is not None and self._definition.subnet is not None:
            address = next(self._addresses)
            reservation = Reservation(node.nics[0].mac or "", str(address), node.hostname)
            return dataclasses.replace(node, reserved=NodeReservation(self._network.name, reservation))
        if self._requested is None:
            return node
        return dataclasses.replace(node, static=self._static(next(self._addresses), self._requested))

    def _from_request(self) -> Iterator[ipaddress.IPv4Address]:
        """The requested address, and the following ones for further nodes. Raises RequestError."""
        if self._requested is None:
            return
        address = self._requested.address
        while True:
            self._check(address)
            yield address
            address += 1

    def _from_ranges(self) -> Iterator[ipaddress.IPv4Address]:
        """The free addresses of the DHCP ranges. Raises RequestError after the last one."""
        for first, last in self._definition.ranges:
            for number in range(int(first), int(last) + 1):
                if str(address := ipaddress.IPv4Address(number)) not in self._taken:
                    yield address
        raise RequestError(
            f"the network {self._definition.name} has no free address left in its DHCP range",
            hint="choose an address outside the range with --ip, or remove nodes that are no longer needed",
        )

    def _check(self, address: ipaddress.IPv4Address) -> None:
        where = f"--ip {address}"
        if str(address) in self._taken:
            raise RequestError(
                f"another node or host has the address {address}", where=where, hint="choose a free address"
            )
        subnet = self._subnet()
        if subnet is None:
            return
        if address not in subnet:
            raise RequestError(f"{address} is outside the subnet {subnet}", where=where, hint="choose an address in it")
        if address in (subnet.network_address, subnet.broadcast_address):
            kind = "network" if address == subnet.network_address else "broadcast"
            raise RequestError(
                f"{address} is the {kind} address of {subnet}", where=where, hint="choose another address in it"
            )

    def _subnet(self) -> ipaddress.IPv4Network | None:
        own = next(self._own_addresses(), None)
        if own is not None:
            return own.network
        assert self._requested is not None
        prefix = self._requested.prefix
        return None if prefix is None else ipaddress.IPv4Interface(f"{self._requested.address}/{prefix}").network

    def _own_addresses(self) -> Iterator[ipaddress.IPv4Interface]:
        """The host's own addresses in the network."""
        if self._network is not None:
            yield from (own for own in self._definition.addresses if isinstance(own, ipaddress.IPv4Interface))

    def _static(self, address: ipaddress.IPv4Address, requested: FixedAddress) -> network.InterfaceSettings:
        subnet, own = self._subnet(), next(self._own_addresses(), None)
        if subnet is None:
            raise RequestError(
                "an address on a bridge needs a prefix length",
                where=f"--ip {address}",
                hint=f"write --ip {address}/24, with the prefix length of your subnet",
            )
        routed = own is not None and self._definition.forward is not None
        gateway = requested.gateway or (str(own.ip) if own is not None and routed else None)
        return network.InterfaceSettings(FIRST_INTERFACE, f"{address}/{subnet.prefixlen}", gateway, list(requested.dns))
