"""What is wrong with a network, found before libvirt is asked to define it. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from builder.errors import RequestError
from builder.hypervisor.networks import Address, Definition, Subnet
from builder.nodes.networks.environment import IpNetwork, NetworkEnvironment

Part = Literal["name", "mode", "address", "dhcp", "bridge", "host bridge", "domain"]

OPTIONS: Mapping[Part, str] = {
    "name": "NAME",
    "mode": "",
    "address": "--address",
    "dhcp": "--dhcp",
    "bridge": "--bridge",
    "host bridge": "--host-bridge",
    "domain": "--domain",
}
"""Where the parts of a new network are said."""

ELEMENTS: Mapping[Part, str] = {
    "name": "<name>",
    "mode": "<forward>",
    "address": "<ip>",
    "dhcp": "<range>",
    "bridge": "<bridge>",
    "host bridge": "<bridge>",
    "domain": "<domain>",
}
"""Where they stand in libvirt's XML."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}")
"""libvirt names files after its networks, and options name them in lists."""

INTERFACE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,14}")
"""The kernel has 16 bytes for an interface's name, with the one that ends it."""

LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*")

RANGE_BITS = 16
"""Where two addresses of one DHCP range may differ: libvirt wants the first two of an IPv4 address's numbers equal."""

PREFIXES = range(8, 31)
"""Lengths with which an IPv4 subnet has room for a host and its guests, and leaves some for others."""


@dataclass(frozen=True, slots=True)
class NetworkProblem:
    """One thing wrong with one part of a network, which is said as `value`."""

    part: Part
    value: str
    message: str
    why: str | None = None
    hint: str | None = None

    def error(self, places: Mapping[Part, str]) -> RequestError:
        where = f"{places[self.part]} {self.value}".strip()
        return RequestError(self.message, where=where, details=self.why, hint=self.hint)


def find_problems(wanted: Definition, around: NetworkEnvironment) -> Iterator[NetworkProblem]:
    """All that is wrong with a network by itself, and beside what there is."""
    yield from _name(wanted, around)
    if wanted.own_bridge is not None:
        yield from _bridge(wanted.own_bridge, around)
    elif wanted.bridge is not None:
        yield from _host_bridge(wanted.bridge, around)
    if wanted.domain is not None and not DOMAIN.fullmatch(wanted.domain):
        yield NetworkProblem(
            "domain",
            wanted.domain,
            "no domain's name",
            "labels of letters, digits and inner hyphens, at most 63 each, with dots between",
            "such as lab.example.org",
        )
    for own in wanted.addresses:
        problems = list(_address(own))
        yield from problems or _clashes(own, around)
    yield from _ranges(wanted)


def _name(wanted: Definition, around: NetworkEnvironment) -> Iterator[NetworkProblem]:
    if not NAME.fullmatch(wanted.name):
        yield NetworkProblem(
            "name",
            wanted.name,
            "no name for a network",
            "letters, digits, and inner . + - or _, at most 63: libvirt names files after it",
        )
    if any(other.name == wanted.name for other in around.networks):
        yield NetworkProblem(
            "name",
            wanted.name,
            "the name is taken",
            f"there is a network called {wanted.name}",
            f"choose another one, or `golden network remove {wanted.name}`",
        )


def _bridge(name: str, around: NetworkEnvironment) -> Iterator[NetworkProblem]:
    """A bridge that libvirt is to make."""
    owner = next((other.name for other in around.networks if other.bridge == name), None)
    if not INTERFACE.fullmatch(name):
        yield NetworkProblem("bridge", name, "no name for a bridge", *INTERFACE_NAMES)
    elif owner is not None:
        yield NetworkProblem(
            "bridge",
            name,
            "the bridge is taken",
            f"it is that of the network {owner}",
            "choose another one, or leave --bridge out: libvirt chooses one",
        )
    elif around.host and name in around.host.interfaces:
        yield NetworkProblem(
            "bridge",
            name,
            "the bridge cannot be made",
            f"this host has an interface called {name}",
            f"choose another one; or --host-bridge {name}, to use a bridge that is there",
        )


INTERFACE_NAMES = (
    "letters, digits, and inner . - or _, at most 15: the kernel has no room for more",
    "such as virbr7",
)


def _host_bridge(name: str, around: NetworkEnvironment) -> Iterator[NetworkProblem]:
    """A bridge that the host is to have already."""
    owner = next((other.name for other in around.networks if other.own_bridge == name), None)
    if not INTERFACE.fullmatch(name):
        yield NetworkProblem("host bridge", name, "no name of a bridge", *INTERFACE_NAMES)
    elif owner is not None:
        yield NetworkProblem(
            "host bridge",
            name,
            "the bridge is not the host's own",
            f"libvirt makes it for the network {owner}",
            f"use the network {owner}",
        )
    elif around.host and name not in around.host.bridges:
        there = ", ".join(sorted(around.host.bridges)) or "none"
        yield NetworkProblem(
            "host bridge", name, "no such bridge", f"this host has {there}", f"ip link add {name} type bridge"
        )


def _address(own: Subnet) -> Iterator[NetworkProblem]:
    """The host's own address: is it one that a host can have, in a subnet that has room?"""
    value, subnet = str(own), own.network
    if own.is_multicast or own.is_loopback or own.is_unspecified or own.is_reserved:
        yield NetworkProblem(
            "address", value, f"{own.ip} is no host's address", "it is kept for other uses", "such as 192.168.150.1/24"
        )
    elif own.version == 4 and subnet.prefixlen not in PREFIXES:
        few = subnet.prefixlen >= PREFIXES.stop
        yield NetworkProblem(
            "address",
            value,
            f"the subnet {subnet} is too {'small' if few else 'large'}",
            "there is no room for guests beside the host, nor for DHCP" if few else "nothing would be left for others",
            f"{own.ip}/24",
        )
    elif own.version == 4 and own.ip in (subnet.network_address, subnet.broadcast_address):
        kind = "network" if own.ip == subnet.network_address else "broadcast"
        yield NetworkProblem(
            "address",
            value,
            f"{own.ip} is no host's address",
            f"it is the {kind} address of {subnet}",
            f"{subnet.network_address + 1}/{subnet.prefixlen}",
        )


def _clashes(own: Subnet, around: NetworkEnvironment) -> Iterator[NetworkProblem]:
    for other in around.networks:
        for theirs in other.addresses:
            if _overlap(own.network, theirs.network):
                yield _clash(own, f"the network {other.name} has {theirs.network}")
    for subnet, interface in around.host.subnets if around.host else ():
        if _overlap(own.network, subnet):
            yield _clash(own, f"this host reaches {subnet} by {interface}")


def _overlap(one: IpNetwork, other: IpNetwork) -> bool:
    return one.version == other.version and one.overlaps(other)


def _clash(own: Subnet, why: str) -> NetworkProblem:
    return NetworkProblem("address", str(own), f"the subnet {own.network} is taken", why, "choose another subnet")


def _ranges(wanted: Definition) -> Iterator[NetworkProblem]:
    """DHCP's ranges, each by itself and one beside the other."""
    for first, last in wanted.ranges:
        yield from _range(first, last, wanted.addresses)
    for one, other in itertools.combinations(wanted.ranges, 2):
        if int(one[0]) <= int(other[1]) and int(other[0]) <= int(one[1]):
            yield NetworkProblem(
                "dhcp",
                format_range(*other),
                "the ranges overlap",
                f"{format_range(*one)} has addresses of it, too",
                "give every address to one range",
            )


def _range(first: Address, last: Address, addresses: tuple[Subnet, ...]) -> Iterator[NetworkProblem]:
    value = format_range(first, last)
    if int(first) > int(last):
        yield NetworkProblem(
            "dhcp", value, "the range ends before it begins", f"{last} comes before {first}", format_range(last, first)
        )
        return
    if not addresses:
        return
    own = next((each for each in addresses if first in each.network or last in each.network), None)
    if own is None or not (first in own.network and last in own.network):
        subnets = ", ".join(str(each.network) for each in addresses)
        yield NetworkProblem(
            "dhcp", value, f"the range is not within the subnet {subnets}", None, f"such as {suggest_range(addresses)}"
        )
        return
    if int(first) >> RANGE_BITS != int(last) >> RANGE_BITS:
        yield NetworkProblem(
            "dhcp",
            value,
            "the range is too large",
            "libvirt takes ranges whose ends agree in the first two numbers",
            "split it there",
        )
    for address, kind in ((first, "network"), (last, "broadcast")):
        if address == getattr(own.network, f"{kind}_address"):
            yield NetworkProblem(
                "dhcp", value, f"{address} is no guest's address", f"it is the {kind} address of {own.network}"
            )
    if int(first) <= int(own.ip) <= int(last):
        yield NetworkProblem(
            "dhcp", value, "the range holds the host's own address", f"that is {own.ip}", "leave it out of the range"
        )


def suggest_range(addresses: tuple[Subnet, ...]) -> str:
    """A range that fits: the larger part of the first subnet beside the host's own address, as far as libvirt goes."""
    own = addresses[0]
    low, high = int(own.network.network_address) + 1, int(own.network.broadcast_address) - 1
    first, last = max((low, int(own.ip) - 1), (int(own.ip) + 1, high), key=lambda part: part[1] - part[0])
    kind = type(own.ip)
    return format_range(kind(first), kind(min(last, first | (1 << RANGE_BITS) - 1)))


def format_range(first: Address, last: Address) -> str:
    return f"{first}-{last}"
