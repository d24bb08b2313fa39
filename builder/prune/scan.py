"""Finding the dependencies: from the store, from running commands, and from hypervisors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from builder import files
from builder.disks.headers import read_backing
from builder.domains.metadata import parse as parse_metadata
from builder.errors import HostError
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain
from builder.hypervisor.volumes import UnreadablePool, list_pool_volumes
from builder.layers.work import running
from builder.nodes.identity.names import parse_base_volume_name
from builder.nodes.journal import CloneJournals
from builder.paths import Output
from builder.prune.graph import BaseVolume, BrokenChain, DependencyGraph, GraphVertex, VersionFacts
from builder.prune.sources import DiskSource, sources
from builder.store import Store, Version
from builder.store.claims import claims

HERE = "this host"
ASIDE = ".removed"
"""The suffix of the folder of a version that is being removed."""


def scan(output: Output, hypervisors: Iterable[Hypervisor]) -> tuple[DependencyGraph, list[str]]:
    """The dependencies, and in words the pools that could not be read. Raises GoldenError."""
    scanner = GraphScanner(output)
    # Running commands first: what finishes meanwhile is then found in the store or on its hypervisor.
    scanner.add_running()
    scanner.add_store()
    for hypervisor in hypervisors:
        scanner.add_hypervisor(hypervisor)
    return scanner.graph, scanner.unchecked


class GraphScanner:
    """Collects the dependency graph."""

    def __init__(self, output: Output) -> None:
        self.unchecked: list[str] = []
        self._output = output
        self._store = Store(output.templates)
        self._templates = os.path.realpath(output.templates)
        self._versions: dict[GraphVertex, VersionFacts] = {}
        self._removed_versions: set[GraphVertex] = set()
        self._dependencies: dict[GraphVertex, set[GraphVertex]] = {}
        self._roots: set[GraphVertex] = set()
        self._broken: dict[GraphVertex, BrokenChain] = {}
        self._bases: dict[GraphVertex, BaseVolume] = {}
        self._building: frozenset[str] = frozenset()
        self._backings: dict[GraphVertex, str | None] = {}
        self._volumes: dict[tuple[str, str, str], GraphVertex] = {}
        self._followed: set[GraphVertex] = set()
        self._real_folders: dict[str, str] = {}

    @property
    def graph(self) -> DependencyGraph:
        dependencies = {vertex: frozenset(found) for vertex, found in self._dependencies.items()}
        # A base volume alone keeps nothing.
        roots = frozenset(root for root in self._roots if root not in self._bases)
        return DependencyGraph(self._versions, dependencies, roots, self._broken, self._bases, self._building)

    def _depends(self, vertex: GraphVertex, on: GraphVertex) -> None:
        self._dependencies.setdefault(vertex, set()).add(on)

    # --- the store and running commands ----------------------------------------------------------

    def add_running(self) -> None:
        """Add running clones, builds and verifications. Raises HostError."""
        for choice in CloneJournals(self._output.clones).all_claims():
            if found := parse_base_volume_name(choice.base):
                clone = GraphVertex("clone", choice.uri, ", ".join(choice.names[:3]))
                self._roots.add(clone)
                self._depends(clone, GraphVertex("version", *found))
        parents = claims(self._output)
        self._building = frozenset(parents)
        for name, parent in parents.items():
            if parent:
                build = GraphVertex("build", parent[0], name)
                self._roots.add(build)
                self._depends(build, GraphVertex("version", *parent))
        # A verification boots overlays on the disk of a version.
        try:
            disks = [disk for folder in running(self._output) for disk in sorted(folder.rglob("*.qcow2"))]
        except OSError as error:
            raise HostError(
                "cannot check which verifications are running, so no version can be removed safely", details=str(error)
            ) from error
        for overlay in (self._file(HERE, str(disk)) for disk in disks):
            if self._is_known(overlay):
                self._roots.add(overlay)
                self._follow(overlay, None)

    def add_store(self) -> None:
        for template in self._store.templates():
            channels = self._store.channels(template)
            targets = {channel: self._store.find_rollback_target(template, channel) for channel in channels}
            for version in self._store.versions(template):
                vertex = GraphVertex("version", template, version.name)
                rollback_of = frozenset(channel for channel, name in targets.items() if name == version.name)
                self._versions[vertex], parent = read_facts(version, rollback_of)
                if parent:
                    self._depends(vertex, parent)
            for channel, name in channels.items():
                pointer = GraphVertex("channel", template, channel)
                self._roots.add(pointer)
                self._depends(pointer, GraphVertex("version", template, name))
        self._removed_versions = {
            GraphVertex("version", folder.parent.name, name_of_set_aside(folder))
            for folder in set_aside_folders(self._output)
        }

    # --- hypervisors -----------------------------------------------------------------------------

    def add_hypervisor(self, hypervisor: Hypervisor) -> None:
        """Add its volumes and domains. Raises HypervisorError."""
        place = urlsplit(hypervisor.uri).hostname or HERE
        stored, unreadable = list_pool_volumes(hypervisor)
        for volume in stored:
            file = self._file(place, volume.path)
            self._roots.add(file)
            self._backings[file] = volume.backing
            self._volumes[(hypervisor.uri, volume.pool, volume.name)] = file
            version = self._base_version(volume.name)
            if version and (version in self._versions or version in self._removed_versions):
                self._bases[file] = BaseVolume(version, hypervisor.uri, volume.pool, volume.name)
        for pool in unreadable:
            self._add_unreadable(hypervisor, place, pool)
        for file in [root for root in self._roots if root.kind == "file"]:
            self._follow(file, None)
        for domain in hypervisor.domains():
            self._add_domain(hypervisor, place, domain)

    def _add_unreadable(self, hypervisor: Hypervisor, place: str, pool: UnreadablePool) -> None:
        """Add a pool that libvirt cannot read; a folder of this host is read directly."""
        folder = Path(pool.folder) if pool.folder and hypervisor.local else None
        if folder is None:
            self.unchecked.append(f"the pool {pool.pool} of {hypervisor.uri}: {pool.reason}")
            return
        try:
            found = sorted(path for path in folder.iterdir() if path.is_file())
        except FileNotFoundError:
            return  # the pool no longer exists
        except OSError as error:
            self.unchecked.append(f"the pool {pool.pool} of {hypervisor.uri}: {error}")
            return
        # As roots: nothing in this pool can be deleted now.
        self._roots |= {self._file(place, str(path)) for path in found}

    def _add_domain(self, hypervisor: Hypervisor, place: str, domain: Domain) -> None:
        trees = none_if_gone(lambda: [*domain.trees(), *domain.snapshot_trees()])
        if trees is None:
            return  # the domain was removed meanwhile
        vertex = GraphVertex("domain", hypervisor.uri, domain.name)
        self._roots.add(vertex)
        template_of_volume: dict[str, tuple[str, str]] = {}
        for tree in trees:
            if node := parse_metadata(tree):
                self._depends(vertex, GraphVertex("version", node.template, node.version))
                template_of_volume |= {volume.name: (volume.pool, node.template) for volume in node.volumes}
        for source in dict.fromkeys(source for tree in trees for source in sources(tree)):
            self._add_source(hypervisor, place, vertex, source, template_of_volume)

    def _add_source(
        self,
        hypervisor: Hypervisor,
        place: str,
        domain: GraphVertex,
        source: DiskSource,
        template_of_volume: dict[str, tuple[str, str]],
    ) -> None:
        if source.volume:
            file = self._volumes.get((hypervisor.uri, *source.volume))
            file = file or self._file(place, "/".join(source.volume))
        else:
            assert source.file
            file = self._file(place, source.file)
        if source.raw and not self._is_known(file):
            return  # the medium no longer exists, and it had no backing file
        self._depends(domain, file)
        # A volume that golden created for a node is based on its template, and on nothing else.
        name = os.path.basename(file.name)  # noqa: PTH119
        pool, template = template_of_volume.get(name, ("", None))
        self._follow(file, template if self._volumes.get((hypervisor.uri, pool, name), file) == file else None)

    # --- files -----------------------------------------------------------------------------------

    def _file(self, place: str, path: str) -> GraphVertex:
        """The vertex of a file; symbolic links are resolved on this host."""
        if place == HERE and os.path.isabs(path):  # noqa: PTH117
            folder, name = os.path.split(path)
            if folder not in self._real_folders:
                self._real_folders[folder] = os.path.realpath(folder)
            path = os.path.join(self._real_folders[folder], name)  # noqa: PTH118
            if os.path.islink(path):  # noqa: PTH114
                path = os.path.realpath(path)
        return GraphVertex("file", place, path)

    def _is_known(self, file: GraphVertex) -> bool:
        return file in self._backings or (file.place == HERE and os.path.exists(file.name))

    def _follow(self, file: GraphVertex, template: str | None) -> None:
        """Add the backing chain of a file. If it cannot be read, the file may be based on `template`, or on any."""
        while True:
            self._name_version(file)
            if file in self._followed and file not in self._broken:
                return
            try:
                backing = self._find_backing(file)
            except (OSError, ValueError) as error:
                reason = str(error) if isinstance(error, ValueError) else f"{file.name}: {error.strerror}"
                self._cannot_follow(file, reason, template)
                return
            self._followed.add(file)
            if backing is None:
                return
            below = self._file(file.place, os.path.join(os.path.dirname(file.name), backing))  # noqa: PTH118, PTH120
            if below in self._dependencies.get(file, ()):
                return  # already followed, or a circle
            self._depends(file, below)
            # Only the first file is known to be based on the template.
            file, template = below, None

    def _find_backing(self, file: GraphVertex) -> str | None:
        """The backing file of a file. Raises OSError or ValueError if it cannot be read."""
        if file.place == HERE and os.path.isabs(file.name):  # noqa: PTH117
            try:
                return read_backing(file.name)
            except OSError:
                if file not in self._backings:
                    raise
        elif file not in self._backings:
            raise ValueError(f"{file.name} is not in any pool of {file.place}")
        # libvirt's answer, for a volume that is not a readable file of this host.
        return self._backings[file]

    def _cannot_follow(self, file: GraphVertex, reason: str, template: str | None) -> None:
        named = self._base_version(os.path.basename(file.name)) or self._in_store(file)  # noqa: PTH119
        template = named.place if named else template
        if template:
            self._broken[file] = BrokenChain(reason, frozenset({template}))
        else:
            self._broken.setdefault(file, BrokenChain(reason))

    def _name_version(self, file: GraphVertex) -> None:
        """Add the version that the name of a file refers to."""
        for version in (self._base_version(os.path.basename(file.name)), self._in_store(file)):  # noqa: PTH119
            if version:
                self._depends(file, version)

    def _base_version(self, volume: str) -> GraphVertex | None:
        found = parse_base_volume_name(volume)
        return GraphVertex("version", *found) if found else None

    def _in_store(self, file: GraphVertex) -> GraphVertex | None:
        inside = file.name.removeprefix(f"{self._templates}/")
        parts = inside.split("/")
        return GraphVertex("version", parts[0], parts[1]) if inside != file.name and len(parts) > 2 else None


def read_facts(version: Version, rollback_of: frozenset[str]) -> tuple[VersionFacts, GraphVertex | None]:
    """The facts about a version, and its parent. `Version.manifest` would parse all packages as well."""
    found = files.read_json(version.manifest_file) or {}
    created: datetime | None = None
    with suppress(KeyError, TypeError, ValueError):
        created = datetime.fromisoformat(found["created"])
        created = created if created.tzinfo else created.astimezone()
    parent, disk = found.get("parent"), found.get("disk")
    size = disk.get("bytes") if isinstance(disk, dict) else None
    known = (
        isinstance(parent, dict) and isinstance(parent.get("template"), str) and isinstance(parent.get("version"), str)
    )
    facts = VersionFacts(version.order, created, version.failed, size if isinstance(size, int) else 0, rollback_of)
    return facts, GraphVertex("version", parent["template"], parent["version"]) if known and parent else None


def set_aside_folders(output: Output) -> Sequence[Path]:
    """The folders of versions whose removal has begun."""
    return sorted(output.templates.glob(f"*/.*{ASIDE}"))


def name_of_set_aside(folder: Path) -> str:
    return folder.name[1 : -len(ASIDE)]
