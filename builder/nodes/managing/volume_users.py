"""What uses the files of volumes: domains, whether they run or not, and volumes that stand on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder.disks import find_backing
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import chain_files
from builder.hypervisor.pools import Pool, Volume


class VolumeUsers:
    """Asked once of a hypervisor, so that a hundred nodes are not a hundred times all that there is."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        """Raises HypervisorError."""
        self._hypervisor = hypervisor
        self._pools: dict[str, Pool | None] = {}
        self._backings: dict[str, dict[str, str]] = {}
        self._chains: dict[str, set[str]] = {}
        self._files: dict[str, set[str]] = {}
        for domain in hypervisor.domains():
            trees = none_if_gone(domain.trees) or []
            self._files[domain.name] = {self._real(file) for tree in trees for file in chain_files(tree)}

    def _real(self, path: str, beside: str = "") -> str:
        """A file without the links on the way to it, as far as they are this host's; relative to another's folder."""
        whole = Path(beside).parent / path
        return str(whole.resolve() if self._hypervisor.local else whole)

    def pool(self, name: str) -> Pool | None:
        """None where it is gone. Raises RequestError for one that is not active."""
        if name not in self._pools:
            self._pools[name] = self._hypervisor.find_pool(name)
        return self._pools[name]

    def users(self, pool: Pool, volume: Volume, but: str) -> Iterator[str]:
        """The domains, one left out, and the volumes of its pool that use a volume. Raises HypervisorError."""
        wanted = self._real(volume.path)
        for name, files in self._files.items():
            if name != but and (wanted in files or any(wanted in self._chain(file, wanted) for file in files)):
                yield name
        if pool.name not in self._backings:
            found = pool.backings().items()
            self._backings[pool.name] = {path: self._real(backing, path) for path, backing in found}
        for path, backing in self._backings[pool.name].items():
            if backing == wanted:
                yield path

    def _chain(self, file: str, wanted: str) -> set[str]:
        """What a file of this host stands on; nothing for one beside the wanted one, which its pool tells of."""
        if not self._hypervisor.local or Path(file).parent == Path(wanted).parent:
            return set()
        if file not in self._chains:
            below: set[str] = set()
            at = file
            while Path(at).is_file() and (backing := find_backing(Path(at))):
                at = self._real(str(backing), at)
                if at in below:
                    break
                below.add(at)
            self._chains[file] = below
        return self._chains[file]

    def forget(self, node: str, paths: set[str]) -> None:
        """A domain and volumes that are gone use nothing any more."""
        self._files.pop(node, None)
        for backings in self._backings.values():
            for path in paths:
                backings.pop(path, None)
