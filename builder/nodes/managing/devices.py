"""Adding disks and interfaces to existing nodes."""

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
    """Add an empty disk of `size` bytes to a node, and return its device in the node.

    The disk is recorded in the node's metadata, so that it is removed with the node. If it cannot be
    attached, its volume is deleted. Raises RequestError and HypervisorError.
    """
    node_pool = next((volume.pool for volume in node.metadata.volumes), None)
    pool = hypervisor.pool(pool_name or (None if hypervisor.embedded else node_pool))
    device = free_device(node, pool)
    name = disk_name(node.name, device)
    if pool.free < 1 << 20:
        raise HostError(
            f"no space left in the pool {pool.name}", hint="free space in it, or choose another pool with --pool"
        )
    volume = pool.create(name, size)
    try:
        # Recorded before it is attached: even if this call is killed, the disk is removed with the node.
        node.domain.set_metadata(node.metadata.with_volume(NodeVolume(pool.name, name)).to_xml(), PREFIX, SPACE)
        node.domain.attach(render("disk", file=volume.path, format=volume.format, device=device))
    except BaseException:
        with suppress(GoldenError):
            pool.delete(name)
            node.domain.set_metadata(node.metadata.to_xml(), PREFIX, SPACE)
        raise
    return device


def free_device(node: Node, pool: Pool) -> str:
    """The first device that neither the node's definition, nor the running node, nor a volume's name uses.

    Raises RequestError if all 26 are taken.
    """
    taken = {element.get("dev") for tree in node.domain.trees() for element in tree.findall("devices/disk/target")}
    volumes = pool.names()
    for letter in string.ascii_lowercase:
        device = f"vd{letter}"
        if device not in taken and disk_name(node.name, device) not in volumes:
            return device
    raise RequestError(f"{node.name} cannot have another disk: it uses all device names, vda to vdz")


def add_nic(node: Node, nic: Nic, hypervisor: Hypervisor) -> Nic:
    """Add an interface to a node, and return it with its MAC address. Raises RequestError and HypervisorError."""
    check_nic(nic, hypervisor)
    taken = taken_macs(hypervisor)
    if nic.mac in taken:
        raise RequestError(
            f"another domain has the MAC address {nic.mac}", hint="leave mac= out: golden chooses a free one"
        )
    added = dataclasses.replace(nic, mac=nic.mac or new_mac(taken))
    node.domain.attach(render("interface", nic=added))
    return added
