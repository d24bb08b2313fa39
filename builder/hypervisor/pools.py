"""Storage pools, which hold the volumes of nodes, on this host or a remote one."""

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
"""Bytes at the start of a volume that an upload writes last: a volume that has them is complete."""

FILE_POOLS = frozenset({"dir", "fs", "netfs"})
"""Types of libvirt pools whose volumes are files; overlays must be files."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A file in a pool; `path` is the path on the hypervisor's host, sizes are in bytes."""

    name: str
    path: str
    format: str
    capacity: int
    allocation: int


class Pool(ABC):
    """A storage pool. Every method raises HypervisorError, or HostError if a file of this host fails."""

    name: str

    @property
    @abstractmethod
    def free(self) -> int:
        """Free space in bytes."""

    @abstractmethod
    def names(self) -> set[str]:
        """The names of all volumes, including those of other programs."""

    @abstractmethod
    def find(self, name: str) -> Volume | None: ...

    @abstractmethod
    def create(self, name: str, capacity: int, backing: Volume | None = None) -> Volume:
        """Create a qcow2 of `capacity` bytes: an overlay over `backing`, or an empty disk without one."""

    @abstractmethod
    def upload(self, name: str, source: Path, format: DiskFormat, sha256: str | None = None) -> Volume:
        """Copy a file of this host into the pool. Raises HostError, and keeps nothing, if its digest differs."""

    def file_path(self, name: str) -> str:
        """The path for a file that QEMU itself creates. Raises NotImplementedError if a daemon owns the pool."""
        raise NotImplementedError

    @abstractmethod
    def has_complete(self, name: str, source: Path) -> bool:
        """Whether the volume exists and is complete: an interrupted upload lacks its first bytes."""

    @abstractmethod
    def backings(self) -> dict[str, str]:
        """The backing file of each volume that has one, by the volume's path."""

    def has_overlays(self, volume: Volume) -> bool:
        """Whether this volume is the backing file of another volume in the pool."""
        return volume.path in self.backings().values()

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a volume; does nothing if it does not exist."""

    def path_of(self, name: str) -> str:
        """The path of a volume. Raises RequestError if it does not exist."""
        volume = self.find(name)
        if volume is None:
            raise RequestError(f"the pool {self.name} has no volume {name}")
        return volume.path


class LibvirtPool(Pool):
    """A pool of libvirt. Everything goes through its connection, so remote pools work like local ones."""

    def __init__(self, handle: Any) -> None:
        """`handle` is libvirt's. Raises RequestError if the pool holds no files, or is not active."""
        self.name = str(handle.name())
        self._handle = handle
        kind = ElementTree.fromstring(call(handle.XMLDesc)).get("type", "")
        if kind not in FILE_POOLS:
            raise RequestError(
                f"the pool {self.name} has type {kind}, and its volumes are not files, as nodes need",
                hint=f"choose a pool of type {', '.join(sorted(FILE_POOLS))}",
            )
        if not call(handle.isActive):
            uri = call(handle.connect().getURI)
            raise RequestError(
                f"the pool {self.name} is not active", hint=f"run `virsh --connect {uri} pool-start {self.name}`"
            )
        call(handle.refresh)  # other programs create volumes there, too

    @property
    def free(self) -> int:
        return int(call(self._handle.info)[3])

    def names(self) -> set[str]:
        return set(call(self._handle.listVolumes))

    def find(self, name: str) -> Volume | None:
        found = find(self._handle.storageVolLookupByName, name)
        return _describe(found) if found else None

    def create(self, name: str, capacity: int, backing: Volume | None = None) -> Volume:
        volume = self._create(name, capacity, "qcow2", backing)
        try:
            return _describe(volume)
        except BaseException:
            with suppress(HypervisorError):
                call(volume.delete)
            raise

    def _create(self, name: str, capacity: int, format: DiskFormat, backing: Volume | None = None) -> Any:
        xml = render("volume", name=name, capacity=capacity, format=format, backing=backing)
        return call(self._handle.createXML, xml)

    def upload(self, name: str, source: Path, format: DiskFormat, sha256: str | None = None) -> Volume:
        # Always raw: libvirt only has to reserve the space; it detects the format itself.
        volume = self._create(name, source.stat().st_size, "raw")
        try:
            with source.open("rb", buffering=0) as file:  # unbuffered: lseek(SEEK_DATA) below works on the descriptor
                found = _SparseUpload(file, HEAD).send_to(volume)
                if sha256 is not None and found != sha256:
                    raise _digest_error(source, found, sha256)
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
    """A folder on this host, for nodes without a libvirt daemon."""

    name = "volumes"

    def __init__(self, folder: Path) -> None:
        """Creates the folder. Raises HostError."""
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
            raise HostError(f"cannot create the volume {path}: it already exists")
        if backing:
            disks.create_overlay(path, Path(backing.path), backing.format, size=capacity, absolute=True)
        else:
            disks.create(path, capacity)
        return Volume(name, str(path), "qcow2", capacity, 0)

    def upload(self, name: str, source: Path, format: DiskFormat, sha256: str | None = None) -> Volume:
        if sha256 is not None and (found := digest.of_file(source)) != sha256:
            raise _digest_error(source, found, sha256)
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
        """The path for a file that QEMU itself creates."""
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
            raise HostError(
                f"cannot change the volumes in {self._folder}",
                details=str(error),
                hint="check the free space and the permissions of this folder",
            ) from error


def _digest_error(source: Path, found: str, sha256: str) -> HostError:
    return HostError(
        "the template's disk is damaged: its digest differs from the manifest",
        where=str(source),
        details=f"SHA-256 of the disk: {found}\nSHA-256 in the manifest: {sha256}",
        hint="clone another version; build the template again, and point its channels at the new version",
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


class _SparseUpload:
    """The upload of a file to a volume: skips holes, and hashes the whole content."""

    def __init__(self, file: Any, start: int) -> None:
        """The first `start` bytes are only hashed, not sent."""
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._hash = hashlib.sha256(file.read(start))
        self._start = min(start, self._size)

    def send_to(self, volume: Any) -> str:
        """Send the file, and return the SHA-256 of all its content. Raises HypervisorError."""
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
        """Whether data or a hole follows, and its length in bytes."""
        at = self._file.tell()
        if at >= self._size:
            return False, 0
        try:
            data = os.lseek(self._file.fileno(), at, os.SEEK_DATA)
        except OSError:  # only a hole up to the end
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
    """The first `count` bytes of a volume; fewer if it is smaller."""
    stream = call(volume.connect().newStream)
    call(volume.download, stream, 0, count, 0)
    pieces: list[bytes] = []
    _transfer(stream, lambda: stream.recvAll(lambda stream, data, opaque: pieces.append(data), None))
    return b"".join(pieces)


def _transfer(stream: Any, work: Callable[[], object]) -> None:
    """Run a stream to its end. Aborts it and raises HypervisorError if it fails."""
    try:
        call(work)
        call(stream.finish)
    except BaseException:
        with suppress(HypervisorError):
            call(stream.abort)
        raise
