"""Downloaded packages, kept for the next build of a similar guest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from builder import locks
from builder.guest.info import GuestInfo
from builder.storage import UNFINISHED, CacheEntry, Kind, PrunableStore, find_entry, list_files

SUFFIX = ".raw"
STAGED = ".new"


class PackageCaches(PrunableStore):
    """A folder of disks, each the package cache of one kind of guest.

    ::

        FOLDER/
        ├── GUEST.raw       a file system with its packages; GUEST is DISTRIBUTION-MAJOR-ARCH
        ├── GUEST.lock      held by the build that has it plugged in
        └── .GUEST.raw.new  a disk that is not complete yet
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({"packages"})

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def name(info: GuestInfo) -> str:
        """The name of the cache that a guest uses; similar guests share one."""
        return f"{info.distribution}-{info.major}-{info.arch}"

    def disk(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def staged(self, name: str) -> Path:
        """The path of a disk until it is complete."""
        return self.folder / f".{name}{SUFFIX}{STAGED}"

    def lock(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def entries(self) -> Iterator[CacheEntry]:
        for disk in list_files(self.folder, f"[!.]*{SUFFIX}"):
            yield from self._entry(disk.name.removesuffix(SUFFIX), disk)
        for staged in list_files(self.folder, f".*{SUFFIX}{STAGED}"):
            yield from self._entry(staged.name[1:].removesuffix(f"{SUFFIX}{STAGED}"), staged)

    def _entry(self, name: str, path: Path) -> Iterator[CacheEntry]:
        in_use = locks.is_held(self.lock(name))
        entry = find_entry(
            "packages",
            path.name.removesuffix(SUFFIX),
            (path,),
            title=name,
            useless=UNFINISHED if path == self.staged(name) and not in_use else None,
            in_use="a running build" if in_use else None,
        )
        if entry:
            yield entry
