"""What the stores of the cache have in common: each lists and frees its own entries.

Only a store knows the names of its files. `builder.prune.cache` asks every store for its entries, decides which
ones go, and hands those back to be freed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

Kind = Literal["base", "layer", "download", "packages", "appliance", "inspection"]

UNFINISHED = "it was never finished"
"""Why an entry that a killed process left half-written is useless."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One entry of a store.

    `paths` are removed in this order: without the first one there is no entry. `bytes` is the disk space that
    it takes, `used` the time of its last use in seconds since 1970. A disk has an `id`, which a new disk under the
    same key does not share; `parent` is the id of the disk that it is based on. `useless` is the reason why
    nothing will ever use the entry; `in_use` says who uses it now. `version` is a version that a channel
    points to and that was built from this entry: an unchanged recipe does not use its layers, but continues from
    them once it changes.
    """

    kind: Kind
    key: str
    paths: tuple[Path, ...]
    bytes: int
    used: float
    title: str = ""
    id: str | None = None
    parent: str | None = None
    useless: str | None = None
    in_use: str | None = None
    version: str | None = None


class PrunableStore(Protocol):
    """A store whose entries can be listed and freed."""

    kinds: ClassVar[frozenset[Kind]]
    """The kinds of its entries; no two stores share one."""

    def entries(self) -> Iterator[CacheEntry]:
        """All entries, unfinished ones included. Changes nothing. Raises OSError."""
        ...

    def free(self, entry: CacheEntry) -> None:
        """Remove an entry; harmless if it was removed already. Raises OSError.

        If the process is killed meanwhile, the entry is either complete, or nobody finds it.
        """
        remove_files(entry)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the locks that keep builds from adding or using entries. Raises HostError."""
        return nullcontext()


def find_entry(
    kind: Kind,
    key: str,
    paths: Iterable[Path],
    *,
    title: str = "",
    id: str | None = None,
    parent: str | None = None,
    useless: str | None = None,
    in_use: str | None = None,
) -> CacheEntry | None:
    """The entry that consists of these files; None if one does not exist. The first file's mtime is its last use."""
    paths = tuple(paths)
    with suppress(FileNotFoundError):
        found = [path.lstat() for path in paths]
        size = sum(each.st_blocks for each in found) * 512
        return CacheEntry(kind, key, paths, size, found[0].st_mtime, title, id, parent, useless, in_use)
    return None


def remove_files(entry: CacheEntry) -> None:
    """Remove an entry's files and folders in their order; a link is removed, never followed. Raises OSError."""
    for path in entry.paths:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def list_files(folder: Path, pattern: str) -> list[Path]:
    """The paths in a folder that match a pattern, sorted; empty if there is no such folder. Links are left out."""
    return sorted(path for path in folder.glob(pattern) if not path.is_symlink()) if folder.is_dir() else []


def text_of(record: dict[str, Any], key: str) -> str:
    """The text under a key of an untrusted record; empty if there is none."""
    value = record.get(key)
    return value if isinstance(value, str) else ""
