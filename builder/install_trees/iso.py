"""Reads a tree from an ISO image without mounting or unpacking it."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from builder.digest import CHUNK
from builder.errors import HostError, RequestError
from builder.install_trees.source import FileMissing, TreeSource
from builder.install_trees.stream import Stream

SECTOR = 2048
DESCRIPTOR = 16
"""The sector of the volume descriptor: name, size, and creation time to a hundredth of a second."""

LINKS = 40
"""Symbolic links that a path may follow, as on Linux."""

DAMAGED = (PyCdlibException, struct.error, LookupError, ValueError, RecursionError)
"""What pycdlib raises for a file that is not an ISO image."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of an image's bytes."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class IsoEntry:
    """A file or folder on an image; `place` is its path in pycdlib."""

    name: str
    place: str
    record: Any

    @property
    def is_folder(self) -> bool:
        return bool(self.record.is_dir())

    @property
    def link(self) -> str | None:
        """The target of a symbolic link; None for anything else."""
        extensions = self.record.rock_ridge
        return extensions.symlink_path().decode() if extensions and extensions.is_symlink() else None

    @property
    def modified(self) -> datetime:
        """The modification time. Some media have invalid dates; they become the epoch."""
        date = self.record.date
        try:
            zone = timezone(timedelta(minutes=15 * date.gmtoffset))
            return datetime(
                1900 + date.years_since_1900,
                date.month,
                date.day_of_month,
                date.hour,
                date.minute,
                date.second,
                tzinfo=zone,
            )
        except ValueError:
            return datetime.fromtimestamp(0, UTC)


class Iso:
    """The files on an image, by its best names: Rock Ridge, else Joliet, else plain ISO 9660.

    Paths use slashes and contain no `..`; symbolic links are followed within the image. Several threads may use
    an open image. Raises RequestError if it is damaged or not an ISO image, HostError if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folders: dict[str, dict[str, IsoEntry]] = {}
        self._image = pycdlib.PyCdlib()
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise HostError(f"cannot read {path}", details=str(error)) from error
        try:
            with self._translated():
                self._image.open_fp(self._file)
                size = self._image.pvd.space_size * self._image.pvd.log_block_size
                actual = path.stat().st_size
                if self._image.has_rock_ridge():
                    self._names = "rr_path"
                else:
                    self._names = "joliet_path" if self._image.has_joliet() else "iso_path"
            if actual < size:
                raise RequestError(
                    f"the ISO image is truncated: {path}", details=f"it has {actual} of {size} bytes", hint=AGAIN
                )
        except BaseException:
            self._file.close()
            raise

    def find(self, path: str) -> IsoEntry | None:
        """The entry at a path; None if there is none."""
        with self._translated():
            return self._find(path)

    def children(self, folder: IsoEntry) -> list[IsoEntry]:
        with self._translated():
            return list(self._children(folder).values())

    def extents(self, file: IsoEntry) -> list[Extent]:
        """The runs of bytes that make up a file, in order."""
        with self._translated():
            runs = self._image.get_file_byte_extents(**{self._names: file.place})
        return [Extent(*run) for run in runs if run[1]]

    def read(self, extents: list[Extent], offset: int, size: int) -> bytes:
        """Up to `size` bytes of a file from `offset` on; none at its end."""
        for extent in extents:
            if offset < extent.size:
                wanted = min(size, extent.size - offset)
                try:
                    found = os.pread(self._file.fileno(), wanted, extent.offset + offset)
                except OSError as error:
                    raise HostError(f"cannot read {self.path}", details=str(error)) from error
                if not found:
                    raise RequestError(f"the ISO image is truncated: {self.path}", hint=AGAIN)
                return found
            offset -= extent.size
        return b""

    def descriptor(self) -> bytes:
        return os.pread(self._file.fileno(), SECTOR, DESCRIPTOR * SECTOR)

    def close(self) -> None:
        self._file.close()

    def _find(self, path: str) -> IsoEntry | None:
        """Walk down from the root; each component may be a link."""
        rest = path.split("/")[::-1]
        way = [IsoEntry("", "/", self._image.get_record(**{self._names: "/"}))]
        links = 0
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            if name == "..":
                way = way[:-1] or way
                continue
            entry = self._children(way[-1]).get(self._key(name)) if way[-1].is_folder else None
            if entry is None:
                return None
            if entry.link is None:
                way.append(entry)
                continue
            links += 1
            if links > LINKS:
                return None
            if entry.link.startswith("/"):
                way = way[:1]
            rest += entry.link.split("/")[::-1]
        return way[-1]

    def _children(self, folder: IsoEntry) -> dict[str, IsoEntry]:
        known = self._folders.get(folder.place)
        if known is None:
            known = {}
            for record in self._image.list_children(**{self._names: folder.place}):
                if record is not None and not record.is_dot() and not record.is_dotdot():
                    own = self._own_name(record)
                    entry = IsoEntry(self._name(own), f"{folder.place.rstrip('/')}/{own}", record)
                    known[self._key(entry.name)] = entry
            self._folders[folder.place] = known
        return known

    def _own_name(self, record: Any) -> str:
        if self._names == "rr_path" and record.rock_ridge is not None:
            return str(record.rock_ridge.name().decode())
        return str(record.file_identifier().decode("utf-16-be" if self._names == "joliet_path" else "utf-8"))

    def _name(self, own: str) -> str:
        """The original name: plain and Joliet names end in a version, and plain ones are upper case."""
        if self._names == "rr_path":
            return own
        name = re.sub(r";\d+$", "", own)
        return name if self._names == "joliet_path" else name.rstrip(".").lower()

    def _key(self, name: str) -> str:
        return name if self._names == "rr_path" else name.lower()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HostError(f"cannot read {self.path}", details=str(error)) from error
        except DAMAGED as error:
            raise RequestError(
                f"not an ISO image, or damaged: {self.path}",
                details=str(error) or type(error).__name__,
                hint=AGAIN,
            ) from error


AGAIN = "download or copy the image again, and compare its checksum with the publisher's"


class IsoSource(TreeSource):
    def __init__(self, path: Path) -> None:
        self._iso = Iso(path)
        self.name = str(path)

    def exists(self, path: str) -> bool:
        entry = self._iso.find(path)
        return entry is not None and not entry.is_folder

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        entry = self._iso.find(path)
        if entry is None or entry.is_folder:
            raise FileMissing("no such file in the ISO image" if entry is None else "it is a folder")
        extents = self._iso.extents(entry)
        yield Stream(self._chunks(extents, offset), offset, sum(each.size for each in extents))

    def volume(self) -> str:
        return hashlib.sha256(self._iso.descriptor()).hexdigest()

    def close(self) -> None:
        self._iso.close()

    def _chunks(self, extents: list[Extent], offset: int) -> Iterator[bytes]:
        while chunk := self._iso.read(extents, offset, CHUNK):
            offset += len(chunk)
            yield chunk
