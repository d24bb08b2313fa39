"""The one place for paths in the output folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Output:
    """The output folder, moved by `--output` or GOLDEN_OUTPUT.

    ::

        output/
        ├── templates/NAME/VERSION/…     one immutable version
        ├── templates/NAME/latest        a channel: a symbolic link to a version
        ├── templates/NAME/history.jsonl every move of a channel
        ├── templates/NAME/verification/ results of booting versions
        ├── templates/.NAME.lock         held while a channel moves, and while versions are removed
        ├── cache/bases/KEY.qcow2|.json  the disks that recipes start from
        ├── cache/layers/KEY.qcow2|.json what one step changed
        ├── cache/appliance/KEY/         a booted appliance, ready to be restored
        ├── cache/downloads/SHA256       verified downloads
        ├── cache/packages/GUEST.raw     what package managers downloaded
        ├── cache/inspections/KEY.json   what inspection found on disks that golden did not make
        ├── cache/upstream/              known states of repositories' indexes and of install trees
        ├── cache/secret-key             keys the digests of secrets; never leaves this folder
        ├── clones/                      journals of clones under way
        ├── nightly/                     reports of nightly runs
        ├── connections.json             every hypervisor on which golden created nodes
        ├── prune.lock                   held while versions are removed
        ├── embedded/                    libvirt's embedded driver: its files, and its nodes' volumes/
        └── work/                        one locked folder per running build; NAME.lock, NAME.parent of a recipe's
    """

    root: Path

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def bases(self) -> Path:
        return self.cache / "bases"

    @property
    def layers(self) -> Path:
        return self.cache / "layers"

    @property
    def appliance(self) -> Path:
        return self.cache / "appliance"

    @property
    def downloads(self) -> Path:
        return self.cache / "downloads"

    @property
    def packages(self) -> Path:
        return self.cache / "packages"

    @property
    def inspections(self) -> Path:
        return self.cache / "inspections"

    @property
    def upstream(self) -> Path:
        return self.cache / "upstream"

    @property
    def secret_key(self) -> Path:
        return self.cache / "secret-key"

    @property
    def clones(self) -> Path:
        return self.root / "clones"

    @property
    def connections(self) -> Path:
        return self.root / "connections.json"

    @property
    def prune_lock(self) -> Path:
        return self.root / "prune.lock"

    @property
    def embedded(self) -> Path:
        return self.root / "embedded"

    @property
    def nightly(self) -> Path:
        return self.root / "nightly"

    @property
    def work(self) -> Path:
        return self.root / "work"
