"""Interfaces of nodes: what is asked for, and hardware addresses that nobody else has."""

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
"""The first half of the addresses that QEMU's machines have by custom."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
KEYS = ("network", "bridge", "mac", "model")

MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional", "e1000", "e1000e", "rtl8139", "vmxnet3", "pcnet")
"""What is looked for in guests' drivers; libvirt itself takes any word, and the node would not start."""


@dataclass(frozen=True, slots=True)
class Nic:
    """An interface on a libvirt network, on a bridge of the host, or on QEMU's user-mode network (no source)."""

    kind: Literal["network", "bridge", "user"]
    source: str
    model: str = "virtio"
    mac: str | None = None


def parse_nic(text: str) -> Nic:
    """`network=NAME` or `bridge=NAME` or `user`, with `mac=…` and `model=…`. Raises RequestError."""
    where = text or "''"
    given: dict[str, str] = {}
    words = text.split(",")
    user = words[0] == "user"
    for word in words[1:] if user else words:
        key, equals, value = word.partition("=")
        if key not in KEYS:
            raise RequestError(
                f"an interface has no {key!r}{did_you_mean(key, KEYS)}", where=where, hint="such as network=default"
            )
        if not equals or not NAME.fullmatch(value):
            raise RequestError(f"{key} needs a name", where=where)
        if key in given:
            raise RequestError(f"{key} is given twice", where=where)
        given[key] = value
    sources = [key for key in ("network", "bridge") if key in given] + (["user"] if user else [])
    if len(sources) != 1:
        raise RequestError("give either network=NAME or bridge=NAME", where=where)
    mac = given.get("mac", "").lower() or None
    if mac is not None:
        _check_mac(mac, where)
    model = given.get("model", MODELS[0])
    if model not in MODELS:
        raise RequestError(
            f"there is no model {model}{did_you_mean(model, MODELS)}", where=where, hint=f"one of {', '.join(MODELS)}"
        )
    kind: Literal["network", "bridge", "user"] = "user" if user else "network" if "network" in given else "bridge"
    return Nic(kind, given.get(kind, ""), model, mac)


def _check_mac(mac: str, where: str) -> None:
    if not MAC.fullmatch(mac):
        raise RequestError(f"{mac} is no hardware address", where=where, hint="such as 52:54:00:12:34:56")
    if int(mac[:2], 16) & 1:
        raise RequestError(f"{mac} is the address of a group, not of one interface", where=where)


def check_nic(nic: Nic, hypervisor: Hypervisor) -> None:
    """Raises RequestError where the hypervisor has not what the interface is to be plugged into."""
    if nic.kind == "network":
        if hypervisor.user_network_only:
            raise RequestError(
                f"{hypervisor.uri} has no networks, so that there is no {nic.source}", hint="leave --nic out"
            )
        hypervisor.network(nic.source)
    if nic.kind == "bridge" and not hypervisor.find_bridge(nic.source):
        raise RequestError(f"this host has no bridge {nic.source}", hint="`ip link add NAME type bridge` makes one")


def taken_macs(hypervisor: Hypervisor) -> set[str]:
    """The hardware addresses of all domains, and those that networks reserve for somebody. Raises HypervisorError."""
    found = {mac for _, tree in hypervisor.definitions() for mac in macs(tree)}
    for network in hypervisor.network_definitions():
        found |= {each.mac for each in network.reservations}
    return found


def new_mac(taken: set[str]) -> str:
    """A random hardware address that is not among those."""
    while True:
        mac = ":".join([PREFIX, *(f"{byte:02x}" for byte in secrets.token_bytes(3))])
        if mac not in taken:
            return mac
