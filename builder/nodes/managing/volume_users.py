"""Who uses a volume: domains, running or not, and other volumes that have it as their backing file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder.disks import find_backing
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import chain_files
from builder.hypervisor.pools import Pool, Volume


class VolumeUsers:
    """The users of a hypervisor's volumes. Reads all domains once, however many volumes are asked about."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        """Raises HypervisorError."""
        self._hypervisor = hypervisor
        self._pools: dict[str, Pool | None] = {}
        self._backings: dict[str, dict[str, str]] = {}
        self._chains: dict[str, set[str]] = {}
        self._files: dict[str, set[str]] = {}
        for domain in hypervisor.domains():
            trees = none_if_gone(domain.trees) or []
            self._files[domain.name] = {self._real_path(file) for tree in trees for file in chain_files(tree)}

    def _real_path(self, path: str, beside: str = "") -> str:
        """A path without symbolic links, if it is on this host. A relative path starts in the folder of `beside`."""
        whole = Path(beside).parent / path
        return str(whole.resolve() if self._hypervisor.local else whole)

    def pool(self, name: str) -> Pool | None:
        """None if it does not exist. Raises RequestError if it is not active."""
        if name not in self._pools:
            self._pools[name] = self._hypervisor.find_pool(name)
        return self._pools[name]

    def users(self, pool: Pool, volume: Volume, excluding: str) -> Iterator[str]:
        """The domains, except one, and the volumes of the same pool that use a volume. Raises HypervisorError."""
        wanted = self._real_path(volume.path)
        for name, files in self._files.items():
            if name != excluding and (wanted in files or any(wanted in self._chain(file, wanted) for file in files)):
                yield name
        if pool.name not in self._backings:
            found = pool.backings().items()
            self._backings[pool.name] = {path: self._real_path(backing, path) for path, backing in found}
        for path, backing in self._backings[pool.name].items():
            if backing == wanted:
                yield path

    def _chain(self, file: str, wanted: str) -> set[str]:
        """The backing files of a file on this host; empty for a file beside `wanted`: `pool.backings` covers those."""
        if not self._hypervisor.local or Path(file).parent == Path(wanted).parent:
            return set()
        if file not in self._chains:
            chain: set[str] = set()
            current = file
            while Path(current).is_file() and (backing := find_backing(Path(current))):
                current = self._real_path(str(backing), current)
                if current in chain:
                    break
                chain.add(current)
            self._chains[file] = chain
        return self._chains[file]

    def forget(self, node: str, paths: set[str]) -> None:
        """Note that a domain and some volumes were removed: they use nothing any more."""
        self._files.pop(node, None)
        for backings in self._backings.values():
            for path in paths:
                backings.pop(path, None)
