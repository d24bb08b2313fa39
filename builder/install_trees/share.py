"""The files that `golden tree serve` serves: those of a folder or an ISO image, and nothing outside it."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder.errors import HostError, RequestError
from builder.install_trees.iso import Extent, Iso


class File(ABC):
    """An open file. `tag` changes whenever its content does; `modified` is in whole seconds."""

    name: str
    size: int
    modified: datetime
    tag: str

    @abstractmethod
    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; none at the end. Raises OSError, HostError, RequestError."""

    def close(self) -> None:
        return


@dataclass(frozen=True, slots=True, order=True)
class ListingRow:
    """A line of a listing; the size of a folder is None."""

    name: str
    size: int | None
    modified: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    rows: tuple[ListingRow, ...]


class Share(ABC):
    @abstractmethod
    def open(self, names: Sequence[str]) -> File | Listing | None:
        """The file or folder at a path, given as components without `.` and `..`; None if there is nothing to serve."""

    def close(self) -> None:
        return


def open_share(path: Path) -> Share:
    """Raises RequestError if `path` is neither a folder nor an ISO image, HostError if it cannot be read."""
    if path.is_dir():
        return FolderShare(path)
    if path.is_file():
        return IsoShare(path)
    raise RequestError(
        f"no such folder or ISO image: {path}" if not path.exists() else f"neither a folder nor an ISO image: {path}"
    )


class FolderShare(Share):
    def __init__(self, folder: Path) -> None:
        try:
            self._root = folder.resolve(strict=True)
            os.listdir(self._root)  # noqa: PTH208  # only checks that it is readable
        except OSError as error:
            raise HostError(f"cannot read {folder}", details=str(error)) from error

    def open(self, names: Sequence[str]) -> File | Listing | None:
        path = self._root.joinpath(*names)
        try:
            if not _is_servable(path.stat().st_mode):
                return None  # opening a device or a pipe can have side effects
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        # The real path is checked after opening, when no link on the way can be swapped any more.
        status = os.fstat(descriptor)
        real = Path(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115  # the path as the kernel reports it
        if real.is_relative_to(self._root):
            if stat.S_ISREG(status.st_mode):
                return OpenFile(path.name, descriptor, status)
            if stat.S_ISDIR(status.st_mode):
                try:
                    return Listing(tuple(sorted(self._rows(descriptor))))
                finally:
                    os.close(descriptor)
        os.close(descriptor)
        return None

    def _rows(self, folder: int) -> list[ListingRow]:
        """The rows of a folder; links that are broken or lead out of the tree are left out."""
        rows = []
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = os.stat(entry.name, dir_fd=folder)
                    real = Path(f"/proc/self/fd/{folder}", entry.name).resolve()
                except OSError:
                    continue
                if _is_servable(status.st_mode) and real.is_relative_to(self._root):
                    size = None if stat.S_ISDIR(status.st_mode) else status.st_size
                    rows.append(ListingRow(entry.name, size, _seconds(status.st_mtime_ns)))
        return rows


class OpenFile(File):
    def __init__(self, name: str, descriptor: int, status: os.stat_result) -> None:
        self.name = name
        self.size = status.st_size
        self.modified = _seconds(status.st_mtime_ns)
        self.tag = f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
        self._descriptor = descriptor

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def close(self) -> None:
        os.close(self._descriptor)


class IsoShare(Share):
    def __init__(self, path: Path) -> None:
        self._iso = Iso(path)
        self._tag = f"{path.stat().st_mtime_ns:x}"

    def open(self, names: Sequence[str]) -> File | Listing | None:
        entry = self._iso.find("/".join(names))
        if entry is None:
            return None
        if not entry.is_folder:
            return IsoFile(self._iso, self._iso.extents(entry), entry.name, entry.modified, self._tag)
        found = ((each, self._iso.find("/".join((*names, each.name)))) for each in self._iso.children(entry))
        rows = [
            ListingRow(
                each.name,
                None if real.is_folder else sum(extent.size for extent in self._iso.extents(real)),
                real.modified,
            )
            for each, real in found
            if real is not None
        ]
        return Listing(tuple(sorted(rows)))

    def close(self) -> None:
        self._iso.close()


class IsoFile(File):
    def __init__(self, iso: Iso, extents: list[Extent], name: str, modified: datetime, tag: str) -> None:
        self._iso = iso
        self._extents = extents
        self.name = name
        self.size = sum(each.size for each in extents)
        self.modified = modified
        self.tag = "-".join((tag, f"{extents[0].offset:x}" if extents else "0", f"{self.size:x}"))

    def read(self, offset: int, size: int) -> bytes:
        return self._iso.read(self._extents, offset, size)


def _is_servable(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _seconds(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC)
