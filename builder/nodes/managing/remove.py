"""Removing nodes, with all that was made for them and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from builder.disks import FORMATS
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import disk_files
from builder.hypervisor.pools import Pool, Volume
from builder.nodes.cloning.base_volume import release_base_volume
from builder.nodes.identity.names import base_volume_name, log_name, seed_name
from builder.nodes.journal import CloneJournals
from builder.nodes.managing.node import Node
from builder.nodes.managing.volume_users import VolumeUsers
from builder.paths import Output


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes with a node, and, in words, which of its files stay and why."""

    node: Node
    volumes: tuple[tuple[Pool, Volume], ...]
    stays: tuple[str, ...]

    def lines(self) -> list[str]:
        """It in words, for whoever is asked."""
        goes = [f"the domain {self.node.name}"]
        goes += [f"the volume {volume.name} of the pool {pool.name}" for pool, volume in self.volumes]
        goes += [
            f"the reservation of {each.reservation.address} in the network {each.network}"
            for each in self.node.metadata.reservations
        ]
        return goes + [f"({each} stays)" for each in self.stays]


class Remover:
    """Removes nodes of a hypervisor, in one call."""

    def __init__(self, hypervisor: Hypervisor, output: Output, *, keep_disks: bool = False) -> None:
        """Raises HypervisorError."""
        self._hypervisor = hypervisor
        self._output = output
        self._keep_disks = keep_disks
        self._uses = VolumeUsers(hypervisor)
        self._bases: set[tuple[str, str, str]] = set()

    def look_again(self) -> None:
        """Somebody may have begun to use a file since it was looked for. Raises HypervisorError."""
        self._uses = VolumeUsers(self._hypervisor)

    def plan(self, node: Node) -> Removal:
        """What would go with a node. Raises HypervisorError, and RequestError for a pool that is not active."""
        goes, stays, mine = [], [], set()
        for pool, volume in self._recorded(node):
            mine.add(volume.path)
            if users := sorted(self._uses.users(pool, volume, but=node.name)):
                stays.append(f"{volume.path}, which {', '.join(users)} uses,")
            elif self._keep_disks and volume.name not in (seed_name(node.name), log_name(node.name)):
                stays.append(volume.path)
            else:
                goes.append((pool, volume))
        own = [file for tree in node.domain.trees() for file in disk_files(tree)]
        stays += [f"{file}, which golden did not make," for file in dict.fromkeys(own) if file not in mine]
        return Removal(node, tuple(goes), tuple(stays))

    def _recorded(self, node: Node) -> list[tuple[Pool, Volume]]:
        """The volumes that were made for a node and are still there."""
        found = []
        for made in node.metadata.volumes:
            pool = self._uses.pool(made.pool)
            volume = pool.find(made.name) if pool else None
            if pool and volume:
                found.append((pool, volume))
        return found

    def remove(self, removal: Removal) -> None:
        """Do it. What is gone already is fine. Raises HypervisorError; then the node can be removed again."""
        node = removal.node
        none_if_gone(node.domain.destroy)
        for pool, volume in removal.volumes:
            pool.delete(volume.name)
        for each in node.metadata.reservations:
            network = self._hypervisor.find_network(each.network)
            if network is not None:
                network.release(each.reservation)
        # Last: until now it says what else there is to remove.
        node.domain.undefine()
        self._uses.forget(node.name, {volume.path for _, volume in removal.volumes})
        self._bases |= {(pool.name, node.metadata.template, node.metadata.version) for pool, _ in removal.volumes}

    def release_bases(self) -> None:
        """Delete the bases on which nothing stands since nodes were removed. Raises HypervisorError."""
        if not self._bases:
            return
        self.look_again()
        others = CloneJournals(self._output.clones).claims(self._hypervisor.uri)
        for pool_name, template, version in sorted(self._bases):
            pool = self._uses.pool(pool_name)
            for format in FORMATS:
                name = base_volume_name(template, version, format)
                volume = pool.find(name) if pool else None
                if pool and volume and not any(self._uses.users(pool, volume, but="")):
                    release_base_volume(name, pool, self._output, others)
