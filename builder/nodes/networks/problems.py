"""Finding the problems of a network definition before libvirt defines it. Pure."""

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
"""The option that sets each part of a new network."""

ELEMENTS: Mapping[Part, str] = {
    "name": "<name>",
    "mode": "<forward>",
    "address": "<ip>",
    "dhcp": "<range>",
    "bridge": "<bridge>",
    "host bridge": "<bridge>",
    "domain": "<domain>",
}
"""The element of libvirt's XML that holds each part."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}")
"""libvirt names files after its networks, and options list them separated by commas."""

INTERFACE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,14}")
"""The kernel has 16 bytes for an interface name, including the final zero byte."""

LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*")

RANGE_BITS = 16
"""Low bits in which the ends of a DHCP range may differ: libvirt requires equal first two numbers of IPv4 addresses."""

PREFIXES = range(8, 31)
"""Prefix lengths of IPv4 subnets that have room for a host and its guests, and leave addresses for other networks."""


@dataclass(frozen=True, slots=True)
class NetworkProblem:
    """One problem with one part of a network; `value` is that part as the user gave it."""

    part: Part
    value: str
    message: str
    reason: str | None = None
    hint: str | None = None

    def error(self, places: Mapping[Part, str]) -> RequestError:
        where = f"{places[self.part]} {self.value}".strip()
        return RequestError(self.message, where=where, details=self.reason, hint=self.hint)


def find_problems(definition: Definition, environment: NetworkEnvironment) -> Iterator[NetworkProblem]:
    """All problems of a network, by itself and in its environment."""
    yield from _name_problems(definition, environment)
    if definition.own_bridge is not None:
        yield from _bridge_problems(definition.own_bridge, environment)
    elif definition.bridge is not None:
        yield from _host_bridge_problems(definition.bridge, environment)
    if definition.domain is not None and not DOMAIN.fullmatch(definition.domain):
        yield NetworkProblem(
            "domain",
            definition.domain,
            "invalid DNS domain",
            "allowed: labels of letters, digits and inner hyphens, at most 63 characters each, separated by dots",
            "write a domain such as lab.example.org",
        )
    for own in definition.addresses:
        problems = list(_address_problems(own))
        yield from problems or _overlaps_with_others(own, environment)
    yield from _range_problems(definition)


def _name_problems(definition: Definition, environment: NetworkEnvironment) -> Iterator[NetworkProblem]:
    if not NAME.fullmatch(definition.name):
        yield NetworkProblem(
            "name",
            definition.name,
            "invalid network name",
            "allowed: letters, digits, _ and, after the first character, . + -; at most 63 characters",
        )
    if any(other.name == definition.name for other in environment.networks):
        yield NetworkProblem(
            "name",
            definition.name,
            "the name is taken",
            f"a network named {definition.name} exists",
            f"choose another name, or run `golden network remove {definition.name}` first",
        )


def _bridge_problems(name: str, environment: NetworkEnvironment) -> Iterator[NetworkProblem]:
    """The problems of a bridge that libvirt would create."""
    owner = next((other.name for other in environment.networks if other.bridge == name), None)
    if not INTERFACE.fullmatch(name):
        yield NetworkProblem("bridge", name, "invalid bridge name", *INTERFACE_NAMES)
    elif owner is not None:
        yield NetworkProblem(
            "bridge",
            name,
            "the bridge is taken",
            f"the network {owner} uses it",
            "choose another name, or leave --bridge out: libvirt then chooses one",
        )
    elif environment.host and name in environment.host.interfaces:
        yield NetworkProblem(
            "bridge",
            name,
            "cannot create the bridge",
            f"this host has an interface named {name}",
            f"choose another name; to use an existing bridge, use --host-bridge {name}",
        )


INTERFACE_NAMES = (
    "allowed: letters, digits, _ - and, after the first character, dots; at most 15 characters",
    "write a name such as virbr7",
)


def _host_bridge_problems(name: str, environment: NetworkEnvironment) -> Iterator[NetworkProblem]:
    """The problems of a bridge that the host must already have."""
    owner = next((other.name for other in environment.networks if other.own_bridge == name), None)
    if not INTERFACE.fullmatch(name):
        yield NetworkProblem("host bridge", name, "invalid bridge name", *INTERFACE_NAMES)
    elif owner is not None:
        yield NetworkProblem(
            "host bridge",
            name,
            "not a bridge of the host",
            f"libvirt creates it for the network {owner}",
            f"use the network {owner} instead",
        )
    elif environment.host and name not in environment.host.bridges:
        existing = ", ".join(sorted(environment.host.bridges)) or "none"
        yield NetworkProblem(
            "host bridge", name, "no such bridge", f"this host has {existing}", f"run `ip link add {name} type bridge`"
        )


def _address_problems(own: Subnet) -> Iterator[NetworkProblem]:
    """The problems of the host's own address: a host must be able to have it, and its subnet must have room."""
    value, subnet = str(own), own.network
    if own.is_multicast or own.is_loopback or own.is_unspecified or own.is_reserved:
        yield NetworkProblem(
            "address",
            value,
            f"{own.ip} cannot be a host's address",
            "it is reserved for other uses",
            "write an address such as 192.168.150.1/24",
        )
    elif own.version == 4 and subnet.prefixlen not in PREFIXES:
        too_small = subnet.prefixlen >= PREFIXES.stop
        yield NetworkProblem(
            "address",
            value,
            f"the subnet {subnet} is too {'small' if too_small else 'large'}",
            "it has no room for guests and DHCP" if too_small else "it would leave no addresses for other networks",
            f"write {own.ip}/24",
        )
    elif own.version == 4 and own.ip in (subnet.network_address, subnet.broadcast_address):
        kind = "network" if own.ip == subnet.network_address else "broadcast"
        yield NetworkProblem(
            "address",
            value,
            f"{own.ip} cannot be a host's address",
            f"it is the {kind} address of {subnet}",
            f"write {subnet.network_address + 1}/{subnet.prefixlen}",
        )


def _overlaps_with_others(own: Subnet, environment: NetworkEnvironment) -> Iterator[NetworkProblem]:
    for other in environment.networks:
        for theirs in other.addresses:
            if _overlap(own.network, theirs.network):
                yield _subnet_taken(own, f"the network {other.name} has {theirs.network}")
    for subnet, interface in environment.host.subnets if environment.host else ():
        if _overlap(own.network, subnet):
            yield _subnet_taken(own, f"this host reaches {subnet} via {interface}")


def _overlap(one: IpNetwork, other: IpNetwork) -> bool:
    return one.version == other.version and one.overlaps(other)


def _subnet_taken(own: Subnet, reason: str) -> NetworkProblem:
    return NetworkProblem("address", str(own), f"the subnet {own.network} is taken", reason, "choose another subnet")


def _range_problems(definition: Definition) -> Iterator[NetworkProblem]:
    """The problems of the DHCP ranges, each by itself and in pairs."""
    for first, last in definition.ranges:
        yield from _one_range_problems(first, last, definition.addresses)
    for one, other in itertools.combinations(definition.ranges, 2):
        if int(one[0]) <= int(other[1]) and int(other[0]) <= int(one[1]):
            yield NetworkProblem(
                "dhcp",
                format_range(*other),
                "the ranges overlap",
                f"{format_range(*one)} has some of the same addresses",
                "put each address into one range only",
            )


def _one_range_problems(first: Address, last: Address, addresses: tuple[Subnet, ...]) -> Iterator[NetworkProblem]:
    value = format_range(first, last)
    if int(first) > int(last):
        yield NetworkProblem(
            "dhcp",
            value,
            "the range ends before it begins",
            f"{last} comes before {first}",
            f"write {format_range(last, first)}",
        )
        return
    if not addresses:
        return
    own = next((each for each in addresses if first in each.network or last in each.network), None)
    if own is None or not (first in own.network and last in own.network):
        subnets = ", ".join(str(each.network) for each in addresses)
        yield NetworkProblem(
            "dhcp",
            value,
            f"the range is not within the subnet {subnets}",
            None,
            f"write a range such as {suggest_range(addresses)}",
        )
        return
    if int(first) >> RANGE_BITS != int(last) >> RANGE_BITS:
        yield NetworkProblem(
            "dhcp",
            value,
            "the range is too large",
            "libvirt requires that both ends have the same first two numbers",
            "split it into several ranges",
        )
    for address, kind in ((first, "network"), (last, "broadcast")):
        if address == getattr(own.network, f"{kind}_address"):
            yield NetworkProblem(
                "dhcp", value, f"{address} cannot be a guest's address", f"it is the {kind} address of {own.network}"
            )
    if int(first) <= int(own.ip) <= int(last):
        yield NetworkProblem(
            "dhcp", value, "the range contains the host's own address", f"that is {own.ip}", "leave it out of the range"
        )


def suggest_range(addresses: tuple[Subnet, ...]) -> str:
    """A valid range: the larger part of the first subnet beside the host's address, within libvirt's limit."""
    own = addresses[0]
    low, high = int(own.network.network_address) + 1, int(own.network.broadcast_address) - 1
    first, last = max((low, int(own.ip) - 1), (int(own.ip) + 1, high), key=lambda part: part[1] - part[0])
    kind = type(own.ip)
    return format_range(kind(first), kind(min(last, first | (1 << RANGE_BITS) - 1)))


def format_range(first: Address, last: Address) -> str:
    return f"{first}-{last}"
