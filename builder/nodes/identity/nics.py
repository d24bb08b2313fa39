"""Network interfaces of nodes: parsing `--nic`, and choosing free MAC addresses."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Literal

from builder.errors import RequestError, did_you_mean
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import macs

MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
PREFIX = "52:54:00"
"""The first half of the MAC addresses that QEMU guests use by convention."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
KEYS = ("network", "bridge", "mac", "model")

MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional", "e1000", "e1000e", "rtl8139", "vmxnet3", "pcnet")
"""Models for which guests have drivers. libvirt itself accepts any word, and then the node does not start."""


@dataclass(frozen=True, slots=True)
class Nic:
    """An interface on a libvirt network, on a bridge of the host, or on QEMU's user-mode network (no source)."""

    kind: Literal["network", "bridge", "user"]
    source: str
    model: str = "virtio"
    mac: str | None = None


def parse_nic(text: str) -> Nic:
    """`network=NAME` or `bridge=NAME` or `user`, with optional `mac=…` and `model=…`. Raises RequestError."""
    where = text or "''"
    given: dict[str, str] = {}
    words = text.split(",")
    user = words[0] == "user"
    for word in words[1:] if user else words:
        key, _, value = word.partition("=")
        if key not in KEYS:
            raise RequestError(
                f"unknown interface option {key!r}{did_you_mean(key, KEYS)}",
                where=where,
                hint="use network=NAME or bridge=NAME, and mac= or model=, such as network=default,model=e1000",
            )
        if not value:
            raise RequestError(f"{key} needs a value", where=where, hint=f"write {key}=…")
        if not NAME.fullmatch(value):
            raise RequestError(
                f"invalid {key} {value!r}",
                where=where,
                hint="use letters, digits, dots, colons, hyphens and underscores; do not start with a punctuation mark",
            )
        if key in given:
            raise RequestError(f"{key} is given twice", where=where)
        given[key] = value
    sources = [key for key in ("network", "bridge") if key in given] + (["user"] if user else [])
    if len(sources) != 1:
        raise RequestError("an interface needs either network=NAME or bridge=NAME", where=where)
    mac = given.get("mac", "").lower() or None
    if mac is not None:
        _check_mac(mac, where)
    model = given.get("model", MODELS[0])
    if model not in MODELS:
        raise RequestError(
            f"unknown interface model {model}{did_you_mean(model, MODELS)}",
            where=where,
            hint=f"use one of {', '.join(MODELS)}",
        )
    kind: Literal["network", "bridge", "user"] = "user" if user else "network" if "network" in given else "bridge"
    return Nic(kind, given.get(kind, ""), model, mac)


def _check_mac(mac: str, where: str) -> None:
    if not MAC.fullmatch(mac):
        raise RequestError(f"invalid MAC address {mac}", where=where, hint="use the form 52:54:00:12:34:56")
    if int(mac[:2], 16) & 1:
        raise RequestError(
            f"{mac} is a multicast address; an interface needs a unicast address",
            where=where,
            hint=f"use one that starts with {PREFIX}",
        )


def check_nic(nic: Nic, hypervisor: Hypervisor) -> None:
    """Raises RequestError if the hypervisor lacks the interface's network or bridge."""
    if nic.kind == "network":
        if hypervisor.user_network_only:
            raise RequestError(
                f"{hypervisor.uri} has no libvirt networks, so the network {nic.source} cannot be there",
                hint="leave --nic out, or use --connect qemu:///system",
            )
        hypervisor.network(nic.source)
    if nic.kind == "bridge" and not hypervisor.has_bridge(nic.source):
        raise RequestError(
            f"this host has no bridge {nic.source}",
            hint=f"choose an existing bridge, or run `ip link add {nic.source} type bridge` to create it",
        )


def taken_macs(hypervisor: Hypervisor) -> set[str]:
    """The MAC addresses of all domains and of all DHCP reservations. Raises HypervisorError."""
    found = {mac for _, tree in hypervisor.definitions() for mac in macs(tree)}
    for network in hypervisor.network_definitions():
        found |= {each.mac for each in network.reservations}
    return found


def new_mac(taken: set[str]) -> str:
    """A random MAC address that is not in `taken`."""
    while True:
        mac = ":".join([PREFIX, *(f"{byte:02x}" for byte in secrets.token_bytes(3))])
        if mac not in taken:
            return mac
