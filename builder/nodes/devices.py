"""Disks and interfaces that a node gets after it was made."""

from __future__ import annotations

import dataclasses
import string
from contextlib import suppress

from builder.errors import GoldenError, HostError, RequestError
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.xml import render
from builder.nodes.metadata import PREFIX, SPACE, Made
from builder.nodes.names import disk_name
from builder.nodes.nics import Nic, check_nic, new_mac, taken_macs
from builder.nodes.nodes import Node


def add_disk(node: Node, size: int, hypervisor: Hypervisor, pool_name: str | None) -> str:
    """A new, empty disk of `size` bytes, and its device in the node. Raises RequestError and HypervisorError.

    Where it cannot be plugged, its volume is removed again. It is recorded, so that it goes with the node.
    """
    home = next((made.pool for made in node.metadata.volumes), None)
    pool = hypervisor.pool(pool_name or (None if hypervisor.embedded else home))
    targets = {element.get("dev") for element in node.domain.tree().findall("devices/disk/target")}
    free = (f"vd{letter}" for letter in string.ascii_lowercase)
    device = next((name for name in free if name not in targets), None)
    if device is None:
        raise RequestError(f"{node.name} has no place for another disk")
    name = disk_name(node.name, device)
    if name in pool.names():
        raise RequestError(f"the pool {pool.name} has a volume called {name}", hint="name another with --pool")
    if pool.free < 1 << 20:
        raise HostError(f"not enough space in the pool {pool.name}", hint="name another with --pool")
    volume = pool.create(name, size)
    try:
        node.domain.set_metadata(node.metadata.with_volume(Made(pool.name, name)).to_xml(), PREFIX, SPACE)
        node.domain.attach(render("disk", file=volume.path, format=volume.format, device=device))
    except BaseException:
        with suppress(GoldenError):
            node.domain.set_metadata(node.metadata.to_xml(), PREFIX, SPACE)
            pool.delete(name)
        raise
    return device


def add_nic(node: Node, nic: Nic, hypervisor: Hypervisor) -> Nic:
    """A further interface; it is returned with its hardware address. Raises RequestError and HypervisorError."""
    check_nic(nic, hypervisor)
    taken = taken_macs(hypervisor)
    if nic.mac in taken:
        raise RequestError(f"the hardware address {nic.mac} is taken")
    plugged = dataclasses.replace(nic, mac=nic.mac or new_mac(taken))
    node.domain.attach(render("interface", nic=plugged))
    return plugged
