"""Finding out what stands on what: from the store, from calls under way, and from hypervisors."""

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
"""How the name of a version's folder ends that is being removed."""


def scan(output: Output, hypervisors: Iterable[Hypervisor]) -> tuple[DependencyGraph, list[str]]:
    """What stands on what, and, in words, the pools into which nobody could look. Raises GoldenError."""
    scanner = GraphScanner(output)
    # Calls under way first: what ends meanwhile is in the store, or on its hypervisor, by then.
    scanner.add_calls()
    scanner.add_store()
    for hypervisor in hypervisors:
        scanner.add_hypervisor(hypervisor)
    return scanner.graph, scanner.unseen


class GraphScanner:
    """Collects a graph."""

    def __init__(self, output: Output) -> None:
        self.unseen: list[str] = []
        self._output = output
        self._store = Store(output.templates)
        self._templates = os.path.realpath(output.templates)
        self._versions: dict[GraphVertex, VersionFacts] = {}
        self._aside: set[GraphVertex] = set()
        self._below: dict[GraphVertex, set[GraphVertex]] = {}
        self._roots: set[GraphVertex] = set()
        self._blind: dict[GraphVertex, BrokenChain] = {}
        self._bases: dict[GraphVertex, BaseVolume] = {}
        self._busy: frozenset[str] = frozenset()
        self._backings: dict[GraphVertex, str | None] = {}
        self._stored: dict[tuple[str, str, str], GraphVertex] = {}
        self._followed: set[GraphVertex] = set()
        self._real_folders: dict[str, str] = {}

    @property
    def graph(self) -> DependencyGraph:
        below = {thing: frozenset(found) for thing, found in self._below.items()}
        # A base on which nothing stands keeps nothing.
        roots = frozenset(root for root in self._roots if root not in self._bases)
        return DependencyGraph(self._versions, below, roots, self._blind, self._bases, self._busy)

    def _stands(self, thing: GraphVertex, on: GraphVertex) -> None:
        self._below.setdefault(thing, set()).add(on)

    # --- the store and calls under way -----------------------------------------------------------

    def add_calls(self) -> None:
        """Clones, builds and verifications that have not ended."""
        for choice in CloneJournals(self._output.clones).all_claims():
            if found := parse_base_volume_name(choice.base):
                clone = GraphVertex("clone", choice.uri, ", ".join(choice.names[:3]))
                self._roots.add(clone)
                self._stands(clone, GraphVertex("version", *found))
        parents = claims(self._output)
        self._busy = frozenset(parents)
        for name, parent in parents.items():
            if parent:
                build = GraphVertex("build", parent[0], name)
                self._roots.add(build)
                self._stands(build, GraphVertex("version", *parent))
        # Machines that are started on a version's very disk, to verify it.
        try:
            disks = [disk for folder in running(self._output) for disk in sorted(folder.rglob("*.qcow2"))]
        except OSError as error:
            raise HostError("cannot tell what is under way", details=str(error)) from error
        for overlay in (self._file(HERE, str(disk)) for disk in disks):
            if self._can_look(overlay):
                self._roots.add(overlay)
                self._follow(overlay, None)

    def add_store(self) -> None:
        for template in self._store.templates():
            channels = self._store.channels(template)
            former = {channel: self._store.find_rollback_target(template, channel) for channel in channels}
            for version in self._store.versions(template):
                thing = GraphVertex("version", template, version.name)
                of = frozenset(channel for channel, name in former.items() if name == version.name)
                self._versions[thing], parent = read_facts(version, of)
                if parent:
                    self._stands(thing, parent)
            for channel, name in channels.items():
                pointer = GraphVertex("channel", template, channel)
                self._roots.add(pointer)
                self._stands(pointer, GraphVertex("version", template, name))
        self._aside = {
            GraphVertex("version", folder.parent.name, aside_name(folder)) for folder in asides(self._output)
        }

    # --- hypervisors -----------------------------------------------------------------------------

    def add_hypervisor(self, hypervisor: Hypervisor) -> None:
        """Its volumes and domains. Raises HypervisorError."""
        place = urlsplit(hypervisor.uri).hostname or HERE
        stored, closed = list_pool_volumes(hypervisor)
        for volume in stored:
            file = self._file(place, volume.path)
            self._roots.add(file)
            self._backings[file] = volume.backing
            self._stored[(hypervisor.uri, volume.pool, volume.name)] = file
            version = self._base_version(volume.name)
            if version and (version in self._versions or version in self._aside):
                self._bases[file] = BaseVolume(version, hypervisor.uri, volume.pool, volume.name)
        for pool in closed:
            self._add_closed(hypervisor, place, pool)
        for file in [root for root in self._roots if root.kind == "file"]:
            self._follow(file, None)
        for domain in hypervisor.domains():
            self._add_domain(hypervisor, place, domain)

    def _add_closed(self, hypervisor: Hypervisor, place: str, pool: UnreadablePool) -> None:
        """A pool that libvirt does not show: one that is a folder of this host can be looked into all the same."""
        folder = Path(pool.folder) if pool.folder and hypervisor.local else None
        if folder is None:
            self.unseen.append(f"the pool {pool.pool} of {hypervisor.uri}: {pool.reason}")
            return
        try:
            found = sorted(path for path in folder.iterdir() if path.is_file())
        except FileNotFoundError:
            return  # and all that was in it
        except OSError as error:
            self.unseen.append(f"the pool {pool.pool} of {hypervisor.uri}: {error}")
            return
        # Bases in it are kept: nothing can be deleted there now.
        self._roots |= {self._file(place, str(path)) for path in found}

    def _add_domain(self, hypervisor: Hypervisor, place: str, domain: Domain) -> None:
        trees = none_if_gone(lambda: [*domain.trees(), *domain.snapshot_trees()])
        if trees is None:
            return  # gone meanwhile
        thing = GraphVertex("domain", hypervisor.uri, domain.name)
        self._roots.add(thing)
        made: dict[str, tuple[str, str]] = {}
        for tree in trees:
            if node := parse_metadata(tree):
                self._stands(thing, GraphVertex("version", node.template, node.version))
                made |= {volume.name: (volume.pool, node.template) for volume in node.volumes}
        for source in dict.fromkeys(source for tree in trees for source in sources(tree)):
            self._add_source(hypervisor, place, thing, source, made)

    def _add_source(
        self,
        hypervisor: Hypervisor,
        place: str,
        domain: GraphVertex,
        source: DiskSource,
        made: dict[str, tuple[str, str]],
    ) -> None:
        if source.volume:
            file = self._stored.get((hypervisor.uri, *source.volume))
            file = file or self._file(place, "/".join(source.volume))
        else:
            assert source.file
            file = self._file(place, source.file)
        if source.raw and not self._can_look(file):
            return  # a CD that is gone: it stood on nothing
        self._stands(domain, file)
        # What was made for a node stands on its template, and on nothing else.
        name = os.path.basename(file.name)  # noqa: PTH119
        pool, template = made.get(name, ("", None))
        self._follow(file, template if self._stored.get((hypervisor.uri, pool, name), file) == file else None)

    # --- files -----------------------------------------------------------------------------------

    def _file(self, place: str, path: str) -> GraphVertex:
        """A file without the links on the way to it, as far as they are this host's."""
        if place == HERE and os.path.isabs(path):  # noqa: PTH117
            folder, name = os.path.split(path)
            if folder not in self._real_folders:
                self._real_folders[folder] = os.path.realpath(folder)
            path = os.path.join(self._real_folders[folder], name)  # noqa: PTH118
            if os.path.islink(path):  # noqa: PTH114
                path = os.path.realpath(path)
        return GraphVertex("file", place, path)

    def _can_look(self, file: GraphVertex) -> bool:
        return file in self._backings or (file.place == HERE and os.path.exists(file.name))

    def _follow(self, file: GraphVertex, template: str | None) -> None:
        """Add all that a file stands on. Where that cannot be told it is on `template`, or on any."""
        while True:
            self._name_version(file)
            if file in self._followed and file not in self._blind:
                return
            try:
                backing = self._look(file)
            except (OSError, ValueError) as error:
                reason = str(error) if isinstance(error, ValueError) else f"{file.name}: {error.strerror}"
                self._cannot_follow(file, reason, template)
                return
            self._followed.add(file)
            if backing is None:
                return
            below = self._file(file.place, os.path.join(os.path.dirname(file.name), backing))  # noqa: PTH118, PTH120
            if below in self._below.get(file, ()):
                return  # followed, or a circle
            self._stands(file, below)
            # Only its own file is known to be on its template.
            file, template = below, None

    def _look(self, file: GraphVertex) -> str | None:
        """What a file stands on. Raises OSError or ValueError where that cannot be told."""
        if file.place == HERE and os.path.isabs(file.name):  # noqa: PTH117
            try:
                return read_backing(file.name)
            except OSError:
                if file not in self._backings:
                    raise
        elif file not in self._backings:
            raise ValueError(f"{file.name} is in no pool of {file.place}")
        # What libvirt knows of a volume that is no file of this host's, or that is not to be seen from here.
        return self._backings[file]

    def _cannot_follow(self, file: GraphVertex, reason: str, template: str | None) -> None:
        named = self._base_version(os.path.basename(file.name)) or self._in_store(file)  # noqa: PTH119
        template = named.place if named else template
        if template:
            self._blind[file] = BrokenChain(reason, frozenset({template}))
        else:
            self._blind.setdefault(file, BrokenChain(reason))

    def _name_version(self, file: GraphVertex) -> None:
        """What a file's own name says of the version that it is the disk of."""
        for version in (self._base_version(os.path.basename(file.name)), self._in_store(file)):  # noqa: PTH119
            if version:
                self._stands(file, version)

    def _base_version(self, volume: str) -> GraphVertex | None:
        found = parse_base_volume_name(volume)
        return GraphVertex("version", *found) if found else None

    def _in_store(self, file: GraphVertex) -> GraphVertex | None:
        inside = file.name.removeprefix(f"{self._templates}/")
        parts = inside.split("/")
        return GraphVertex("version", parts[0], parts[1]) if inside != file.name and len(parts) > 2 else None


def read_facts(version: Version, former_of: frozenset[str]) -> tuple[VersionFacts, GraphVertex | None]:
    """What pruning wants to know of a version, and its parent. Not by `manifest`, which reads all packages as well."""
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
    facts = VersionFacts(version.order, created, version.failed, size if isinstance(size, int) else 0, former_of)
    return facts, GraphVertex("version", parent["template"], parent["version"]) if known and parent else None


def asides(output: Output) -> Sequence[Path]:
    """The folders of versions whose removal was begun."""
    return sorted(output.templates.glob(f"*/.*{ASIDE}"))


def aside_name(folder: Path) -> str:
    return folder.name[1 : -len(ASIDE)]
