"""Removing nodes, with everything that was created for them and nothing else."""

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
    """The volumes that are removed with a node, and the files that are kept, each with the reason in words."""

    node: Node
    volumes: tuple[tuple[Pool, Volume], ...]
    kept: tuple[str, ...]

    def lines(self) -> list[str]:
        """What is removed and what is kept, for the user to confirm."""
        lines = [f"removes the domain {self.node.name}"]
        lines += [f"removes the volume {volume.name} in the pool {pool.name}" for pool, volume in self.volumes]
        lines += [
            f"removes the reservation of {each.reservation.address} in the network {each.network}"
            for each in self.node.metadata.reservations
        ]
        return lines + [f"keeps {each}" for each in self.kept]


class Remover:
    """Removes nodes of a hypervisor, in one call."""

    def __init__(self, hypervisor: Hypervisor, output: Output, *, keep_disks: bool = False) -> None:
        """Raises HypervisorError."""
        self._hypervisor = hypervisor
        self._output = output
        self._keep_disks = keep_disks
        self._volume_users = VolumeUsers(hypervisor)
        self._base_volumes: set[tuple[str, str, str]] = set()

    def refresh(self) -> None:
        """Read again who uses which file: that may have changed while the user was asked. Raises HypervisorError."""
        self._volume_users = VolumeUsers(self._hypervisor)

    def plan(self, node: Node) -> Removal:
        """What would be removed with a node. Raises HypervisorError, and RequestError if a pool is not active."""
        removed, kept, created = [], [], set()
        for pool, volume in self._recorded_volumes(node):
            created.add(volume.path)
            if users := sorted(self._volume_users.users(pool, volume, excluding=node.name)):
                kept.append(f"{volume.path} (in use by {', '.join(users)})")
            elif self._keep_disks and volume.name not in (seed_name(node.name), log_name(node.name)):
                kept.append(f"{volume.path} (--keep-disks)")
            else:
                removed.append((pool, volume))
        files = dict.fromkeys(file for tree in node.domain.trees() for file in disk_files(tree))
        kept += [f"{file} (not created by golden)" for file in files if file not in created]
        return Removal(node, tuple(removed), tuple(kept))

    def _recorded_volumes(self, node: Node) -> list[tuple[Pool, Volume]]:
        """The volumes that were created for a node and still exist."""
        found = []
        for recorded in node.metadata.volumes:
            pool = self._volume_users.pool(recorded.pool)
            volume = pool.find(recorded.name) if pool else None
            if pool and volume:
                found.append((pool, volume))
        return found

    def remove(self, removal: Removal) -> None:
        """Carry out a removal; what is gone already is ignored.

        Raises HypervisorError; the node can then be removed by another call.
        """
        node = removal.node
        none_if_gone(node.domain.destroy)
        for pool, volume in removal.volumes:
            pool.delete(volume.name)
        for each in node.metadata.reservations:
            network = self._hypervisor.find_network(each.network)
            if network is not None:
                network.release(each.reservation)
        # Last, because its metadata lists what else must be removed.
        node.domain.undefine()
        self._volume_users.forget(node.name, {volume.path for _, volume in removal.volumes})
        self._base_volumes |= {
            (pool.name, node.metadata.template, node.metadata.version) for pool, _ in removal.volumes
        }

    def release_base_volumes(self) -> None:
        """Delete the base volumes of removed nodes that back nothing any more. Raises HypervisorError."""
        if not self._base_volumes:
            return
        self.refresh()
        other_claims = CloneJournals(self._output.clones).claims(self._hypervisor.uri)
        for pool_name, template, version in sorted(self._base_volumes):
            pool = self._volume_users.pool(pool_name)
            for format in FORMATS:
                name = base_volume_name(template, version, format)
                volume = pool.find(name) if pool else None
                if pool and volume and not any(self._volume_users.users(pool, volume, excluding="")):
                    release_base_volume(name, pool, self._output, other_claims)
