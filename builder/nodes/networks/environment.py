"""What a network must not conflict with: the hypervisor's other networks, and its host's interfaces and subnets."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from builder import process
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.networks import Definition

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class HostNetworks:
    """This host's interfaces, the bridges among them, and the subnets that it reaches, each with its interface."""

    interfaces: frozenset[str] = frozenset()
    bridges: frozenset[str] = frozenset()
    subnets: tuple[tuple[IpNetwork, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkEnvironment:
    """The other networks, active or not, and their host; None if that is a remote host."""

    networks: tuple[Definition, ...] = ()
    host: HostNetworks | None = None


def read_environment(hypervisor: Hypervisor, own: Definition | None = None) -> NetworkEnvironment:
    """Everything but the existing network `own` and its bridge. Raises HypervisorError, HostError."""
    existing = hypervisor.network_definitions()
    others = tuple(each for each in existing if own is None or each.uuid != own.uuid)
    libvirt_bridges = frozenset(each.own_bridge for each in existing if each.own_bridge)
    own_bridge = {own.own_bridge} if own and own.own_bridge else set()
    host = _read_host(libvirt_bridges) if hypervisor.local else None
    if host:
        host = HostNetworks(host.interfaces - own_bridge, host.bridges - own_bridge, host.subnets)
    return NetworkEnvironment(others, host)


def _read_host(libvirt_bridges: frozenset[str]) -> HostNetworks:
    ip = process.find_tool("ip", package="iproute2")
    addresses, *routes = (
        json.loads(process.run([ip, "-json", *words]) or "[]")
        for words in (["-details", "address"], ["-4", "route"], ["-6", "route"])
    )
    return parse_host(addresses, [*routes[0], *routes[1]], libvirt_bridges)


def parse_host(
    addresses: Sequence[dict[str, Any]], routes: Sequence[dict[str, Any]], libvirt_bridges: frozenset[str]
) -> HostNetworks:
    """The host, from the output of `ip -json`. Leaves out the subnets of libvirt's bridges: its networks have those."""
    # `ip -json` prints an empty object for each entry that it leaves out.
    interfaces = [each for each in addresses if "ifname" in each]
    subnets: dict[IpNetwork, str] = {}
    for each in interfaces:
        for address in each.get("addr_info", []):
            if "local" in address:
                subnet = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}").network
                subnets.setdefault(subnet, each["ifname"])
    for route in routes:
        if route.get("dst", "default") != "default":
            subnets.setdefault(ipaddress.ip_network(route["dst"], strict=False), route.get("dev", "a route"))
    return HostNetworks(
        interfaces=frozenset(each["ifname"] for each in interfaces),
        bridges=frozenset(
            each["ifname"] for each in interfaces if each.get("linkinfo", {}).get("info_kind") == "bridge"
        ),
        subnets=tuple(
            (net, via) for net, via in subnets.items() if via not in libvirt_bridges and not net.is_link_local
        ),
    )
