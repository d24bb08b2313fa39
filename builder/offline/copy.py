"""Copying files and whole folders between a guest and this host."""

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
    """Copy a guest's files, links and folders, under their own names, into a folder of this host.

    Modes are kept, and owners by number where this user may; links stay links. A folder is merged into
    one of that name. Raises RequestError for what is not there, and HostError where the folder cannot take it.
    """
    kinds = [_kind(guest, path) for path in paths]  # all of them before anything is copied
    for path, kind in zip(paths, kinds, strict=True):
        try:
            if kind == "folder":
                _copy_folder_out(guest, path, folder)
            else:
                _copy_one_out(guest, path, kind, folder)
        except OSError as error:
            raise HostError(f"{path} cannot be copied to {folder}", details=str(error)) from error


def _kind(guest: Guest, path: str) -> Kind:
    """What is to be copied. Raises RequestError for what cannot be."""
    kind = files.want(guest, path).kind
    if kind == "other":
        raise RequestError(f"{path} is neither file, folder nor link in the guest")
    if _name(path) == "..":
        raise RequestError(f"{path} has no name of its own", hint="name the folder that it leads to")
    return kind


def _name(path: str) -> str:
    """The name that a copy gets; empty for the root, whose contents are copied."""
    return posixpath.basename(path.rstrip("/"))


def _copy_one_out(guest: Guest, path: str, kind: Kind, folder: Path) -> None:
    raw = guest.call("lstatns", path)
    attributes = FileAttributes(raw["st_mode"] & 0o7777, raw["st_uid"], raw["st_gid"], raw["st_mtime_sec"])
    if kind == "link":
        HostFolder(folder).put_link(_name(path), guest.read_link(path), attributes)
    else:
        HostFolder(folder).put_file(_name(path), guest.read_chunks(path), attributes)


def _copy_folder_out(guest: Guest, path: str, folder: Path) -> None:
    """Through a pipe: the appliance packs, and a thread of ours unpacks."""

    def skipped(name: str) -> None:
        guest.emit(Notice(f"left out, as neither file, folder nor link: {name}", warning=True))

    # The appliance's tar would follow an absolute link on the way to folders of its own.
    real = guest.resolve(path)
    receiving, sending = os.pipe()
    with os.fdopen(receiving, "rb") as stream:
        unpacking = PipeReader(stream, lambda: unpack(stream, folder, _name(path), skipped))
        try:
            by_number = True
            guest.call("tar_out", real, f"/dev/fd/{sending}", None, by_number)
        except GuestError:
            os.close(sending)
            unpacking.join()  # if the unpacking failed first, that is the reason
            raise
        os.close(sending)
        unpacking.join()


class PipeReader:
    """What reads a pipe's other end meanwhile. It closes the pipe when it fails, so that the writer is told."""

    def __init__(self, stream: IO[bytes], work: Callable[[], None]) -> None:
        self._stream = stream
        self._work = work
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="unpack", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
            while self._stream.read(1 << 20):  # what tar writes after the end
                pass
        except (OSError, GoldenError, tarfile.TarError) as error:
            self._problem = error
            self._stream.close()

    def join(self) -> None:
        """Wait for the end. Raises what the work raised."""
        self._thread.join()
        if isinstance(self._problem, tarfile.TarError):
            raise GuestError("what the guest's folder was packed into is damaged", details=str(self._problem))
        if self._problem:
            raise self._problem


def want_sources(sources: Sequence[Path]) -> None:
    """Raise RequestError for what is not on this host, or neither file nor folder."""
    for source in sources:
        if not source.exists():
            raise RequestError(f"no such file or folder on this host: {source}")
        if not (source.is_file() or source.is_dir()):
            raise RequestError(f"neither file nor folder: {source}")


def want_target(folder: Path) -> None:
    """Raise RequestError for what is not a folder of this host that this user may write to."""
    if not folder.is_dir():
        raise RequestError(f"{'not a folder' if folder.exists() else 'no such folder on this host'}: {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RequestError(f"this user may not write to {folder}")


def copy_in(guest: Guest, sources: Sequence[Path], folder: str) -> None:
    """Copy this host's files and folders, under their own names, into a folder of the guest.

    Modes and owners, by number, are kept; links in a folder stay links. A folder is merged into one of
    that name. Raises RequestError where the guest has no such folder, GuestError or CommandError.
    """
    files.want_folder(guest, folder)
    for source in sources:
        free = _free(guest, folder)
        try:
            trees.copy_in(guest, source, posixpath.join(folder, source.absolute().name))
        except (GuestError, CommandError) as error:
            if _needed(source) <= free:
                raise
            # libguestfs itself says no more than `write error`.
            raise GuestError(f"the guest has not enough space in {folder} for {source}", details=str(error)) from error


def _free(guest: Guest, folder: str) -> int:
    """The bytes that are free in the file system of a guest's folder."""
    found = guest.call("statvfs", folder)
    return int(found["bavail"] * found["bsize"])


def _needed(source: Path) -> int:
    """The bytes that a file, or a folder with all that is in it, takes on its way into a guest."""
    if source.is_file():
        return source.stat().st_size
    return 2 * sum(each.lstat().st_size for each in source.rglob("*"))  # packed, and unpacked beside that
