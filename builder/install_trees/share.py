"""What `golden tree serve` gives away: the files of a folder or of an ISO image, and nothing outside of it."""

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
    """An open file. `tag` is another one as soon as its bytes are; `modified` is in whole seconds."""

    name: str
    size: int
    modified: datetime
    tag: str

    @abstractmethod
    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; none at its end. Raises OSError, HostError, RequestError."""

    def close(self) -> None:
        return


@dataclass(frozen=True, slots=True, order=True)
class ListingRow:
    """A line of a listing; a folder has no size."""

    name: str
    size: int | None
    modified: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    rows: tuple[ListingRow, ...]


class Share(ABC):
    @abstractmethod
    def open(self, names: Sequence[str]) -> File | Listing | None:
        """What is at a path, as its names without `.` and `..`; None where nothing is that may be given away."""

    def close(self) -> None:
        return


def open_share(path: Path) -> Share:
    """Raises RequestError where `path` is neither a folder nor an ISO image, HostError where it cannot be read."""
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
            os.listdir(self._root)  # noqa: PTH208  # only whether it can be
        except OSError as error:
            raise HostError(f"cannot read {folder}", details=str(error)) from error

    def open(self, names: Sequence[str]) -> File | Listing | None:
        path = self._root.joinpath(*names)
        try:
            if not _is_given_away(path.stat().st_mode):
                return None  # to open a device or a pipe does something
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        # Where it really is can be asked once it is open: no link can be changed after that.
        about = os.fstat(descriptor)
        real = Path(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115  # the kernel's own words
        if real.is_relative_to(self._root):
            if stat.S_ISREG(about.st_mode):
                return OpenFile(path.name, descriptor, about)
            if stat.S_ISDIR(about.st_mode):
                try:
                    return Listing(tuple(sorted(self._rows(descriptor))))
                finally:
                    os.close(descriptor)
        os.close(descriptor)
        return None

    def _rows(self, folder: int) -> list[ListingRow]:
        """What is in a folder; a link that leads out of the tree, or nowhere, is left out."""
        rows = []
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    about = os.stat(entry.name, dir_fd=folder)
                    real = Path(f"/proc/self/fd/{folder}", entry.name).resolve()
                except OSError:
                    continue
                if _is_given_away(about.st_mode) and real.is_relative_to(self._root):
                    size = None if stat.S_ISDIR(about.st_mode) else about.st_size
                    rows.append(ListingRow(entry.name, size, _seconds(about.st_mtime_ns)))
        return rows


class OpenFile(File):
    def __init__(self, name: str, descriptor: int, about: os.stat_result) -> None:
        self.name = name
        self.size = about.st_size
        self.modified = _seconds(about.st_mtime_ns)
        self.tag = f"{about.st_ino:x}-{about.st_mtime_ns:x}-{about.st_size:x}"
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


def _is_given_away(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _seconds(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC)
