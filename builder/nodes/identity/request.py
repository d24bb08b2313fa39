"""The request of `golden clone`, and the specification of nodes that results when it is checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from builder.domains.metadata import NodeReservation
from builder.errors import RequestError, did_you_mean
from builder.guest import network
from builder.nodes.identity.nics import Nic
from builder.store import Version


@dataclass(frozen=True, slots=True)
class FixedAddress:
    """`--ip`: an address; on a bridge, where libvirt cannot know them, also prefix length, gateway and name servers."""

    address: ipaddress.IPv4Address
    prefix: int | None = None
    gateway: str | None = None
    dns: tuple[str, ...] = ()


def parse_address(text: str) -> FixedAddress:
    """`ADDRESS[/PREFIX][,gateway=…][,dns=…]`. Raises RequestError."""
    first, *options = text.split(",")
    address, slash, prefix = first.partition("/")
    try:
        own = ipaddress.IPv4Interface(f"{address}/{prefix}" if slash else address)
        given = [option.partition("=")[::2] for option in options]
        for key, value in given:
            if key not in ("gateway", "dns"):
                raise RequestError(
                    f"unknown --ip option {key!r}{did_you_mean(key, ('gateway', 'dns'))}",
                    where=f"--ip {text}",
                    hint="use gateway=ADDRESS or dns=ADDRESS",
                )
            ipaddress.ip_address(value)
    except ValueError as error:
        raise RequestError(
            str(error),
            where=f"--ip {text}",
            hint="write 192.168.1.10, or on a bridge 192.168.1.10/24,gateway=192.168.1.254",
        ) from error
    return FixedAddress(
        own.ip,
        own.network.prefixlen if slash else None,
        next((value for key, value in given if key == "gateway"), None),
        tuple(value for key, value in given if key == "dns"),
    )


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """The options of `golden clone`. Sizes in bytes; None stands for the value of the version's domain."""

    names: tuple[str, ...]
    cpus: int | None = None
    memory: int | None = None
    disk_size: int | None = None
    disks: tuple[int, ...] = ()
    nics: tuple[Nic, ...] = ()
    address: FixedAddress | None = None
    hostname: str | None = None
    ssh_keys: tuple[str, ...] = ()
    user_data: str | None = None
    autostart: bool = False
    start: bool = True
    pool: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node to create, fully decided.

    `disks` are the sizes of its extra disks in bytes. `static` configures its first interface if no
    DHCP reservation does. If `offline`, its identity is written to its disk before it starts.
    """

    name: str
    uuid: str
    hostname: str
    nics: tuple[Nic, ...]
    disk_size: int
    disks: tuple[int, ...]
    reserved: NodeReservation | None = None
    static: network.InterfaceSettings | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class CloneSpec:
    """The nodes to create from a version in one call. `cloud_init` tells whether the image reads a seed."""

    version: Version
    request: CloneRequest
    nodes: tuple[NodeSpec, ...]
    pool: str
    cloud_init: bool

    @property
    def needs_appliance(self) -> bool:
        return any(node.offline for node in self.nodes)
