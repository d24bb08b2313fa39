"""Pools: where the volumes of nodes lie, on this host or another one."""

from __future__ import annotations

import hashlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt

from builder import digest, disks
from builder.disks import DiskFormat, format_of
from builder.errors import HostError, HypervisorError, RequestError
from builder.hypervisor.calls import call, find
from builder.hypervisor.xml import render

HEAD = 64 << 10
"""Bytes that an upload writes last: what has the beginning of its source is complete."""

FILE_POOLS = frozenset({"dir", "fs", "netfs"})
"""Types of libvirt pools whose volumes are files, as overlays must be."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A file in a pool; `path` as the hypervisor's host sees it, sizes in bytes."""

    name: str
    path: str
    format: str
    capacity: int
    allocation: int


class Pool(ABC):
    """A pool. Every method raises HypervisorError, or HostError for a file of this host that fails."""

    name: str

    @property
    @abstractmethod
    def free(self) -> int:
        """Bytes that may be written."""

    @abstractmethod
    def names(self) -> set[str]:
        """The names of all volumes, those included that others put there."""

    @abstractmethod
    def find(self, name: str) -> Volume | None: ...

    @abstractmethod
    def create(self, name: str, capacity: int, backing: Volume | None = None) -> Volume:
        """Make an empty qcow2 of `capacity` bytes, or an overlay."""

    @abstractmethod
    def upload(self, name: str, source: Path, format: DiskFormat, sha256: str | None = None) -> Volume:
        """Copy a file of this host in; where it has not that digest, nothing of it stays (HostError)."""

    def file_path(self, name: str) -> str:
        """The path of a file that QEMU itself is to make. Raises NotImplementedError where that is the daemon's."""
        raise NotImplementedError

    @abstractmethod
    def has_complete(self, name: str, source: Path) -> bool:
        """Whether the volume is there, and whole: an upload that was cut off lacks its beginning."""

    @abstractmethod
    def backings(self) -> dict[str, str]:
        """The paths of the volumes that stand on another file, and of what they stand on."""

    def has_overlays(self, volume: Volume) -> bool:
        """Whether another volume of the pool stands on this one."""
        return volume.path in self.backings().values()

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a volume; what is not there is fine."""

    def path_of(self, name: str) -> str:
        """Raises RequestError where there is no such volume."""
        volume = self.find(name)
        if volume is None:
            raise RequestError(f"the pool {self.name} has no volume {name}")
        return volume.path


class LibvirtPool(Pool):
    """A pool of libvirt's; everything goes through its connection, so that a remote one works like a local one."""

    def __init__(self, handle: Any) -> None:
        """`handle` is libvirt's. Raises RequestError for a pool that holds no files, or that is not active."""
        self.name = str(handle.name())
        self._handle = handle
        kind = ElementTree.fromstring(call(handle.XMLDesc)).get("type", "")
        if kind not in FILE_POOLS:
            raise RequestError(
                f"the pool {self.name} is of type {kind}, and nodes need files",
                hint=f"name one of type {', '.join(sorted(FILE_POOLS))}",
            )
        if not call(handle.isActive):
            raise RequestError(f"the pool {self.name} is not active", hint=f"virsh pool-start {self.name}")
        call(handle.refresh)  # others put volumes there, too

    @property
    def free(self) -> int:
        return int(call(self._handle.info)[3])

    def names(self) -> set[str]:
        return set(call(self._handle.listVolumes))

    def find(self, name: str) -> Volume | None:
        found = find(self._handle.storageVolLookupByName, name)
        return _describe(found) if found else None

    def create(self, name: str, capacity: int, backing: Volume | None = None) -> Volume:
        made = self._create(name, capacity, "qcow2", backing)
        try:
            return _describe(made)
        except BaseException:
            with suppress(HypervisorError):
                call(made.delete)
            raise

    def _create(self, name: str, capacity: int, format: DiskFormat, backing: Volume | None = None) -> Any:
        xml = render("volume", name=name, capacity=capacity, format=format, backing=backing)
        return call(self._handle.createXML, xml)

    def upload(self, name: str, source: Path, format: DiskFormat, sha256: str | None = None) -> Volume:
        # Raw whatever is in it: libvirt only has to make room, and finds the format out by itself.
        volume = self._create(name, source.stat().st_size, "raw")
        try:
            with source.open("rb", buffering=0) as file:  # its holes are looked for below any buffer
                found = _Sending(file, HEAD).to(volume)
                if sha256 is not None and found != sha256:
                    raise not_as_published(source, found, sha256)
                file.seek(0)
                _send_head(volume, file.read(HEAD))
            call(self._handle.refresh)
        except BaseException:
            with suppress(HypervisorError):
                call(volume.delete)
            raise
        path = str(call(volume.path))
        return Volume(name, path, format, source.stat().st_size, source.stat().st_size)

    def has_complete(self, name: str, source: Path) -> bool:
        volume = find(self._handle.storageVolLookupByName, name)
        if volume is None:
            return False
        with source.open("rb") as file:
            head = file.read(HEAD)
        return _receive(volume, len(head)) == head

    def backings(self) -> dict[str, str]:
        call(self._handle.refresh)
        found = (find(each.XMLDesc) for each in call(self._handle.listAllVolumes))
        trees = [ElementTree.fromstring(xml) for xml in found if xml is not None]
        pairs = [(tree.findtext("target/path", ""), tree.findtext("backingStore/path")) for tree in trees]
        return {path: backing for path, backing in pairs if backing}

    def delete(self, name: str) -> None:
        volume = find(self._handle.storageVolLookupByName, name)
        if volume is not None:
            call(volume.delete)


class FolderPool(Pool):
    """A folder of this host, for nodes without a libvirt daemon."""

    name = "volumes"

    def __init__(self, folder: Path) -> None:
        """Raises HostError where it cannot be made."""
        self._folder = folder
        with self._translated():
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def free(self) -> int:
        return shutil.disk_usage(self._folder).free

    def names(self) -> set[str]:
        return {path.name for path in self._folder.iterdir()}

    def find(self, name: str) -> Volume | None:
        path = self._folder / name
        if not path.exists():
            return None
        stat = path.stat()
        return Volume(name, str(path), format_of(path), stat.st_size, stat.st_blocks * 512)

    def create(self, name: str, capacity: int, backing: Volume | None = None) -> Volume:
        path = self._folder / name
        if path.exists():
            raise HostError(f"{path} is there already")
        if backing:
            disks.create_overlay(path, Path(backing.path), backing.format, size=capacity, absolute=True)
        else:
            disks.create(path, capacity)
        return Volume(name, str(path), "qcow2", capacity, 0)

    def upload(self, name: str, source: Path, format: DiskFormat, sha256: str | None = None) -> Volume:
        if sha256 is not None and (found := digest.of_file(source)) != sha256:
            raise not_as_published(source, found, sha256)
        target = self._folder / name
        with self._translated():
            try:
                os.link(source, target)
            except FileExistsError:
                raise
            except OSError:  # on another file system
                staged = target.with_name(f".{name}.{os.getpid()}")
                shutil.copyfile(source, staged)
                staged.rename(target)
        size = source.stat().st_size
        return Volume(name, str(target), format, size, size)

    def file_path(self, name: str) -> str:
        """The path of a file that QEMU itself is to make."""
        return str(self._folder / name)

    def has_complete(self, name: str, source: Path) -> bool:
        return (self._folder / name).exists()

    def backings(self) -> dict[str, str]:
        found = {str(path): disks.find_backing(path) for path in self._folder.glob("*.qcow2")}
        return {path: str(backing) for path, backing in found.items() if backing}

    def delete(self, name: str) -> None:
        with self._translated():
            (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HostError(f"the volumes in {self._folder} cannot be changed", details=str(error)) from error


def not_as_published(source: Path, found: str, sha256: str) -> HostError:
    return HostError(
        "the template's disk is not what was published",
        where=str(source),
        details=f"its SHA-256 is {found}, its manifest says {sha256}",
        hint="build the template again",
    )


def _describe(handle: Any) -> Volume:
    root = ElementTree.fromstring(call(handle.XMLDesc))
    format = root.find("target/format")
    return Volume(
        name=str(handle.name()),
        path=root.findtext("target/path", ""),
        format=(format.get("type") if format is not None else None) or "raw",
        capacity=int(root.findtext("capacity", "0")),
        allocation=int(root.findtext("allocation", "0")),
    )


class _Sending:
    """A file on its way into a volume, holes left out, all of it hashed."""

    def __init__(self, file: Any, start: int) -> None:
        """What comes before `start`, in bytes, is hashed only."""
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._hash = hashlib.sha256(file.read(start))
        self._start = min(start, self._size)

    def to(self, volume: Any) -> str:
        """Send it, and return the SHA-256 of the whole file. Raises HypervisorError."""
        if self._start < self._size:
            stream = call(volume.connect().newStream)
            flags = libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM
            call(volume.upload, stream, self._start, self._size - self._start, flags)
            _transfer(stream, lambda: stream.sparseSendAll(self._read, self._hole, self._skip, None))
        return self._hash.hexdigest()

    def _read(self, stream: Any, count: int, opaque: object) -> bytes:
        data: bytes = self._file.read(count)
        self._hash.update(data)
        return data

    def _hole(self, stream: Any, opaque: object) -> tuple[bool, int]:
        """Whether data come next, and how many bytes of them or of the hole."""
        at = self._file.tell()
        if at >= self._size:
            return False, 0
        try:
            data = os.lseek(self._file.fileno(), at, os.SEEK_DATA)
        except OSError:  # nothing but a hole up to the end
            data = self._size
        length = data - at or os.lseek(self._file.fileno(), at, os.SEEK_HOLE) - at
        self._file.seek(at)
        return data == at, length

    def _skip(self, stream: Any, length: int, opaque: object) -> int:
        for start in range(0, length, digest.CHUNK):
            self._hash.update(bytes(min(digest.CHUNK, length - start)))
        return int(self._file.seek(length, os.SEEK_CUR))


def _send_head(volume: Any, head: bytes) -> None:
    stream = call(volume.connect().newStream)
    call(volume.upload, stream, 0, len(head), 0)
    rest = memoryview(head)

    def read(stream: Any, count: int, opaque: object) -> bytes:
        nonlocal rest
        piece, rest = rest[:count], rest[count:]
        return bytes(piece)

    _transfer(stream, lambda: stream.sendAll(read, None))


def _receive(volume: Any, count: int) -> bytes:
    """The first bytes of a volume; fewer where it is smaller."""
    stream = call(volume.connect().newStream)
    call(volume.download, stream, 0, count, 0)
    pieces: list[bytes] = []
    _transfer(stream, lambda: stream.recvAll(lambda stream, data, opaque: pieces.append(data), None))
    return b"".join(pieces)


def _transfer(stream: Any, work: Callable[[], object]) -> None:
    """Run a stream to its end. Raises HypervisorError; then the stream is aborted."""
    try:
        call(work)
        call(stream.finish)
    except BaseException:
        with suppress(HypervisorError):
            call(stream.abort)
        raise
