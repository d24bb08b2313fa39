"""Disks and interfaces that a node gets after it was made."""

from __future__ import annotations

import dataclasses
import string
from contextlib import suppress

from builder.domains.metadata import PREFIX, SPACE, NodeVolume
from builder.errors import GoldenError, HostError, RequestError
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.pools import Pool
from builder.hypervisor.xml import render
from builder.nodes.identity.names import disk_name
from builder.nodes.identity.nics import Nic, check_nic, new_mac, taken_macs
from builder.nodes.managing.node import Node


def add_disk(node: Node, size: int, hypervisor: Hypervisor, pool_name: str | None) -> str:
    """A new, empty disk of `size` bytes, and its device in the node. Raises RequestError and HypervisorError.

    Where it cannot be plugged, its volume is removed again. It is recorded, so that it goes with the node.
    """
    home = next((made.pool for made in node.metadata.volumes), None)
    pool = hypervisor.pool(pool_name or (None if hypervisor.embedded else home))
    device = free_device(node, pool)
    name = disk_name(node.name, device)
    if pool.free < 1 << 20:
        raise HostError(f"not enough space in the pool {pool.name}", hint="name another with --pool")
    volume = pool.create(name, size)
    try:
        # Before it is plugged: a call that is killed leaves nothing that does not go with the node.
        node.domain.set_metadata(node.metadata.with_volume(NodeVolume(pool.name, name)).to_xml(), PREFIX, SPACE)
        node.domain.attach(render("disk", file=volume.path, format=volume.format, device=device))
    except BaseException:
        with suppress(GoldenError):
            pool.delete(name)
            node.domain.set_metadata(node.metadata.to_xml(), PREFIX, SPACE)
        raise
    return device


def free_device(node: Node, pool: Pool) -> str:
    """The next device of a node that no disk has, plugged or defined, and no volume is called after.

    Raises RequestError where there is none.
    """
    taken = {element.get("dev") for tree in node.domain.trees() for element in tree.findall("devices/disk/target")}
    volumes = pool.names()
    for letter in string.ascii_lowercase:
        device = f"vd{letter}"
        if device not in taken and disk_name(node.name, device) not in volumes:
            return device
    raise RequestError(f"{node.name} has no place for another disk")


def add_nic(node: Node, nic: Nic, hypervisor: Hypervisor) -> Nic:
    """A further interface; it is returned with its hardware address. Raises RequestError and HypervisorError."""
    check_nic(nic, hypervisor)
    taken = taken_macs(hypervisor)
    if nic.mac in taken:
        raise RequestError(f"the hardware address {nic.mac} is taken")
    plugged = dataclasses.replace(nic, mac=nic.mac or new_mac(taken))
    node.domain.attach(render("interface", nic=plugged))
    return plugged
