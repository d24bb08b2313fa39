"""What a network must not clash with: the other networks of a hypervisor, and what its host has."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from builder import process
from builder.hypervisor.calls import find
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.networks import Definition

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class HostNetworks:
    """This host's interfaces, those of them that are bridges, and the subnets that it reaches, each by an interface."""

    interfaces: frozenset[str] = frozenset()
    bridges: frozenset[str] = frozenset()
    subnets: tuple[tuple[IpNetwork, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkEnvironment:
    """The other networks, active or not, and their host; None where that is another host than this one."""

    networks: tuple[Definition, ...] = ()
    host: HostNetworks | None = None


def read_environment(hypervisor: Hypervisor, own: Definition | None = None) -> NetworkEnvironment:
    """What there is beside `own`, which is a network that is there already. Raises HypervisorError, HostError."""
    known = list(definitions(hypervisor))
    others = tuple(each for each in known if own is None or each.uuid != own.uuid)
    made = frozenset(each.own_bridge for each in known if each.own_bridge)
    mine = {own.own_bridge} if own and own.own_bridge else set()
    host = _read_host(made) if hypervisor.local else None
    if host:
        host = HostNetworks(host.interfaces - mine, host.bridges - mine, host.subnets)
    return NetworkEnvironment(others, host)


def definitions(hypervisor: Hypervisor) -> Iterator[Definition]:
    """What the networks are defined as; one that goes meanwhile is left out. Raises HypervisorError."""
    for network in hypervisor.networks():
        if definition := find(network.definition):
            yield definition


def _read_host(made: frozenset[str]) -> HostNetworks:
    ip = process.find_tool("ip", package="iproute2")
    addresses, *routes = (
        json.loads(process.run([ip, "-json", *words]) or "[]")
        for words in (["-details", "address"], ["-4", "route"], ["-6", "route"])
    )
    return make_host(addresses, [*routes[0], *routes[1]], made)


def make_host(
    addresses: Sequence[dict[str, Any]], routes: Sequence[dict[str, Any]], made: frozenset[str]
) -> HostNetworks:
    """The host in the words of `ip -json`. `made` are libvirt's own bridges: their networks have those subnets."""
    # `ip -json` puts empty objects where it left something out.
    there = [each for each in addresses if "ifname" in each]
    subnets: dict[IpNetwork, str] = {}
    for each in there:
        for address in each.get("addr_info", []):
            if "local" in address:
                subnet = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}").network
                subnets.setdefault(subnet, each["ifname"])
    for route in routes:
        if route.get("dst", "default") != "default":
            subnets.setdefault(ipaddress.ip_network(route["dst"], strict=False), route.get("dev", "a route"))
    return HostNetworks(
        interfaces=frozenset(each["ifname"] for each in there),
        bridges=frozenset(each["ifname"] for each in there if each.get("linkinfo", {}).get("info_kind") == "bridge"),
        subnets=tuple((net, by) for net, by in subnets.items() if by not in made and not net.is_link_local),
    )
