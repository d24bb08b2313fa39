"""Remembers what inspection found on disks that golden did not create: inspecting again takes 15 s."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from builder import digest, files
from builder.guest.info import GuestInfo
from builder.storage import CacheEntry, Kind, PrunableStore, find_entry, list_files, text_of

SUFFIX = ".json"


class Inspections(PrunableStore):
    """A folder of inspection results.

    ::

        FOLDER/KEY.json   `guest`, and `disk`, the identity of its file. KEY is the digest of the file's path

    A result is ignored if the file has changed since.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({"inspection"})

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, disk: Path) -> GuestInfo | None:
        """The result for a disk in its current state; None if it was not inspected."""
        record = files.read_json(self._file(disk))
        try:
            if record is None or record["disk"] != identity(disk):
                return None
            return GuestInfo.from_json(record["guest"])
        except (OSError, KeyError, TypeError):
            return None

    def keep(self, disk: Path, info: GuestInfo) -> None:
        """Store the result for a disk in its current state. If that fails, the next command inspects again."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            files.write_json(self._file(disk), {"disk": identity(disk), "guest": info.to_json()})

    def entries(self) -> Iterator[CacheEntry]:
        for path in list_files(self._folder, f"[!.]*{SUFFIX}"):
            disk: Any = (files.read_json(path) or {}).get("disk")
            title = text_of(disk, "path") if isinstance(disk, dict) else ""
            if entry := find_entry("inspection", path.stem, (path,), title=title):
                yield entry

    def _file(self, disk: Path) -> Path:
        return self._folder / f"{digest.of_value(str(disk.resolve()))}{SUFFIX}"


def identity(disk: Path) -> dict[str, Any]:
    """Facts that change if the file is written or replaced. Raises OSError."""
    found = disk.stat()
    return {"path": str(disk.resolve()), "inode": found.st_ino, "size": found.st_size, "mtime_ns": found.st_mtime_ns}
