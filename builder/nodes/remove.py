"""Removing nodes, with all that was made for them and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from builder.errors import GoldenError
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import disk_files
from builder.hypervisor.pools import Pool
from builder.nodes.base import release_base
from builder.nodes.journal import Journals
from builder.nodes.metadata import Made
from builder.nodes.names import base_name
from builder.nodes.nodes import Node
from builder.paths import Output


@dataclass(slots=True)
class Removal:
    """What goes with a node. `stays` are disks of its own that golden did not make, or that another domain uses."""

    node: Node
    volumes: list[Made] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """It in words, for whoever is asked."""
        goes = [f"the domain {self.node.name}"]
        goes += [f"the volume {volume.name} of the pool {volume.pool}" for volume in self.volumes]
        goes += [
            f"the reservation of {each.reservation.address} in the network {each.network}"
            for each in self.node.metadata.reservations
        ]
        return goes + [f"(stays: {path})" for path in self.stays]


def plan_removal(node: Node, hypervisor: Hypervisor) -> Removal:
    """What would go with a node. Raises HypervisorError."""
    removal = Removal(node)
    used = _used_by_others(node, hypervisor)
    mine = set()
    for made in node.metadata.volumes:
        pool = find_pool(made.pool, hypervisor)
        volume = pool.find(made.name) if pool else None
        if volume is None or pool is None:
            continue
        mine.add(volume.path)
        if volume.path in used or pool.has_overlays(volume):
            removal.stays.append(f"{volume.path}, which another one uses")
        else:
            removal.volumes.append(made)
    removal.stays += [f"{path}, which golden did not make" for path in node.domain.files() if path not in mine]
    return removal


def _used_by_others(node: Node, hypervisor: Hypervisor) -> set[str]:
    """The files that other domains have as disks."""
    trees = [tree for domain, tree in hypervisor.definitions() if domain.uuid != node.domain.uuid]
    return {file for tree in trees for file in disk_files(tree)}


def remove(removal: Removal, hypervisor: Hypervisor, output: Output, *, keep_disks: bool = False) -> None:
    """Do it: end the machine, forget the domain, its reservations and its volumes, and a base that nobody needs.

    What is gone already is fine. Raises HypervisorError.
    """
    node = removal.node
    node.domain.destroy()
    node.domain.undefine()
    for each in node.metadata.reservations:
        network = hypervisor.find_network(each.network)
        if network is not None:
            network.release(each.reservation)
    if keep_disks:
        return
    pools: dict[str, Pool] = {}
    for made in removal.volumes:
        pool = find_pool(made.pool, hypervisor)
        if pool is not None:
            pool.delete(made.name)
            pools[made.pool] = pool
    others = Journals(output.clones).choices(hypervisor.uri)
    for pool in pools.values():
        for format in ("qcow2", "raw"):
            release_base(base_name(node.metadata.template, node.metadata.version, format), pool, output, others)


def find_pool(name: str, hypervisor: Hypervisor) -> Pool | None:
    """A pool by the name in a node's metadata; None where it is gone, or is not active."""
    try:
        return hypervisor.pool(None if hypervisor.embedded else name)
    except GoldenError:
        return None
