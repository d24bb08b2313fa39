"""Copies files and folders between a guest and this host."""

from __future__ import annotations

import os
import posixpath
import tarfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from builder.errors import CommandError, GoldenError, GuestError, HostError, RequestError
from builder.events import Notice
from builder.guest import trees
from builder.guest.guest import Guest, Kind
from builder.offline import files
from builder.offline.unpack import FileAttributes, HostFolder, unpack


def copy_out(guest: Guest, paths: Sequence[str], folder: Path) -> None:
    """Copy files, links and folders from a guest into a folder of this host, under their own names.

    Keeps modes and links, and numeric owners if this user may set them. Merges a folder into an existing
    folder of the same name. Raises RequestError for a missing path, HostError if the folder cannot be written.
    """
    kinds = [_kind(guest, path) for path in paths]  # check all of them before anything is copied
    for path, kind in zip(paths, kinds, strict=True):
        try:
            if kind == "folder":
                _copy_folder_out(guest, path, folder)
            else:
                _copy_one_out(guest, path, kind, folder)
        except OSError as error:
            raise HostError(f"cannot copy {path} to {folder}", details=str(error)) from error


def _kind(guest: Guest, path: str) -> Kind:
    """The kind of a path in the guest. Raises RequestError if it cannot be copied."""
    kind = files.require(guest, path).kind
    if kind == "other":
        raise RequestError(f"cannot copy {path}: in the guest it is not a file, folder or link")
    if _name(path) == "..":
        raise RequestError(f"cannot copy {path}: it ends in '..'", hint="give the path of that folder without '..'")
    return kind


def _name(path: str) -> str:
    """The name of the copy; empty for the root folder, whose contents are copied."""
    return posixpath.basename(path.rstrip("/"))


def _copy_one_out(guest: Guest, path: str, kind: Kind, folder: Path) -> None:
    raw = guest.call("lstatns", path)
    attributes = FileAttributes(raw["st_mode"] & 0o7777, raw["st_uid"], raw["st_gid"], raw["st_mtime_sec"])
    if kind == "link":
        HostFolder(folder).put_link(_name(path), guest.read_link(path), attributes)
    else:
        HostFolder(folder).put_file(_name(path), guest.read_chunks(path), attributes)


def _copy_folder_out(guest: Guest, path: str, folder: Path) -> None:
    """Copy a folder through a pipe: the appliance packs it, and a thread here unpacks it."""

    def warn_skipped(name: str) -> None:
        guest.emit(Notice(f"skipped {name} in the guest: not a file, folder or link", warning=True))

    # The path may contain an absolute link, which tar would follow into the appliance's own file system.
    real = guest.resolve(path)
    receiving, sending = os.pipe()
    with os.fdopen(receiving, "rb") as stream:
        unpacking = PipeReader(stream, lambda: unpack(stream, folder, _name(path), warn_skipped))
        try:
            by_number = True
            guest.call("tar_out", real, f"/dev/fd/{sending}", None, by_number)
        except GuestError:
            os.close(sending)
            unpacking.join()  # if unpacking failed first, raise that error: it is the cause
            raise
        os.close(sending)
        unpacking.join()


class PipeReader:
    """Reads a pipe in a thread. If that fails, it closes the pipe, so that the writer gets an error."""

    def __init__(self, stream: IO[bytes], work: Callable[[], None]) -> None:
        self._stream = stream
        self._work = work
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="unpack", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
            while self._stream.read(1 << 20):  # padding after the end of the archive
                pass
        except (OSError, GoldenError, tarfile.TarError) as error:
            self._problem = error
            self._stream.close()

    def join(self) -> None:
        """Wait for the thread. Raises the error that its work raised."""
        self._thread.join()
        if isinstance(self._problem, tarfile.TarError):
            raise GuestError(
                "cannot copy a folder from the guest: libguestfs sent a damaged archive", details=str(self._problem)
            )
        if self._problem:
            raise self._problem


def check_sources(sources: Sequence[Path]) -> None:
    """Raise RequestError for a source that is missing on this host, or is not a file or folder."""
    for source in sources:
        if not source.exists():
            raise RequestError(f"no such file or folder on this host: {source}")
        if not (source.is_file() or source.is_dir()):
            raise RequestError(f"cannot copy {source}: it is not a file or folder")


def check_target(folder: Path) -> None:
    """Raise RequestError unless this is a folder of this host that this user may write to."""
    if not folder.is_dir():
        raise RequestError(f"{'not a folder' if folder.exists() else 'no such folder on this host'}: {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RequestError(f"cannot write to {folder}: no permission")


def copy_in(guest: Guest, sources: Sequence[Path], folder: str) -> None:
    """Copy files and folders from this host into a folder of the guest, under their own names.

    Keeps modes and numeric owners, and links inside folders. Merges a folder into an existing folder of
    the same name. Raises RequestError if the guest has no such folder, GuestError or CommandError.
    """
    files.require_folder(guest, folder)
    for source in sources:
        free = _free_bytes(guest, folder)
        try:
            trees.copy_in(guest, source, posixpath.join(folder, source.absolute().name))
        except (GuestError, CommandError) as error:
            if _needed_bytes(source) <= free:
                raise
            # libguestfs reports only `write error`.
            raise GuestError(
                f"cannot copy {source}: not enough space in the guest's {folder}", details=str(error)
            ) from error


def _free_bytes(guest: Guest, folder: str) -> int:
    """The free bytes in the file system of a guest's folder."""
    found = guest.call("statvfs", folder)
    return int(found["bavail"] * found["bsize"])


def _needed_bytes(source: Path) -> int:
    """The bytes that a file or a whole folder needs while it is copied into a guest."""
    if source.is_file():
        return source.stat().st_size
    return 2 * sum(
        each.lstat().st_size for each in source.rglob("*")
    )  # the archive and its unpacked copy exist side by side
