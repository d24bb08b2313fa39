"""Unpacks a guest's files into one folder of this host. No name from the guest can lead out of it."""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from builder.appliance.appliance import CHUNK
from builder.errors import RequestError

PRIVATE = 0o700
"""The mode of folders until they are complete."""


@dataclass(frozen=True, slots=True)
class FileAttributes:
    """Permission bits, numeric owner and group, and modification time in seconds since 1970."""

    mode: int
    uid: int
    gid: int
    modified: float


class HostFolder:
    """A folder of this host to put files into. Names are relative to it.

    Every folder in a path is opened relative to its parent and never through a link, so nothing is written
    outside, whatever already exists. Existing files and links are replaced; folders are not. Owners are
    kept if this process is root. Methods raise OSError, and RequestError for names that would lead out.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, FileAttributes] = {}

    def put_file(self, name: str, pieces: Iterable[bytes], attributes: FileAttributes) -> None:
        with self._free_name(name) as (folder, last):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(last, flags, 0o600, dir_fd=folder), "wb") as file:
                file.writelines(pieces)
                file.flush()
                set_attributes(file.fileno(), attributes)

    def put_link(self, name: str, target: str, attributes: FileAttributes) -> None:
        with self._free_name(name) as (folder, last):
            os.symlink(target, last, dir_fd=folder)
            if os.geteuid() == 0:
                os.chown(last, attributes.uid, attributes.gid, dir_fd=folder, follow_symlinks=False)

    def put_hard_link(self, name: str, of: str) -> None:
        """A hard link to a file that was put here before."""
        with self._parent(of) as (folder, first), self._free_name(name) as (other, last):
            if not stat.S_ISREG(os.lstat(first, dir_fd=folder).st_mode):
                raise RequestError(f"cannot copy {name}: it is a hard link to {of}, which is not a file")
            os.link(first, last, src_dir_fd=folder, dst_dir_fd=other, follow_symlinks=False)

    def put_folder(self, name: str, attributes: FileAttributes) -> None:
        """Create a folder, or keep an existing one. `finish` sets its attributes."""
        if split(name):
            with self._parent(name) as (folder, last):
                os.close(open_folder(folder, last))
            self._folders[name] = attributes

    def finish(self) -> None:
        """Set owners, modes and times of the folders, the deepest first. Call it after everything was put."""
        for name, attributes in sorted(self._folders.items(), key=lambda item: len(split(item[0])), reverse=True):
            with self._parent(name) as (folder, last):
                descriptor = open_folder(folder, last)
            try:
                set_attributes(descriptor, attributes)
            finally:
                os.close(descriptor)

    @contextmanager
    def _parent(self, name: str) -> Iterator[tuple[int, str]]:
        """The open parent folder of a name, created with its parents if missing, and the last part of the name."""
        *parents, last = split(name)
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parents:
                inner = open_folder(descriptor, part)
                os.close(descriptor)
                descriptor = inner
            yield descriptor, last
        finally:
            os.close(descriptor)

    @contextmanager
    def _free_name(self, name: str) -> Iterator[tuple[int, str]]:
        """Like `_parent`, but removes an existing file or link of that name."""
        with self._parent(name) as (folder, last):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(last, dir_fd=folder)
            yield folder, last


def split(name: str) -> list[str]:
    """The parts of a relative name. Raises RequestError for a name with `..`."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise RequestError(f"cannot copy {name}: this file name in the guest leads out of its folder")
    return parts


def open_folder(folder: int, name: str) -> int:
    """Open a folder inside an open folder. Creates it if it is missing; replaces a link or file of that name."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        os.mkdir(name, PRIVATE, dir_fd=folder)
    else:
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=folder)
            os.mkdir(name, PRIVATE, dir_fd=folder)
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)


def set_attributes(descriptor: int, attributes: FileAttributes) -> None:
    """Set owner (as root only), mode and modification time of an open file or folder."""
    if os.geteuid() == 0:
        os.fchown(descriptor, attributes.uid, attributes.gid)
    os.fchmod(descriptor, attributes.mode)
    os.utime(descriptor, (attributes.modified, attributes.modified))


def unpack(stream: IO[bytes], root: Path, name: str, skipped: Callable[[str], None]) -> None:
    """Unpack a tar stream into the folder `name` of the folder `root`.

    Calls `skipped` with the path of anything that is not a file, folder or link: a device in a guest must
    not become one on this host. Raises tarfile.TarError, OSError, and RequestError for names that would lead out.
    """
    folder = HostFolder(root)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            path = "/".join([name, *split(member.name)])
            attributes = FileAttributes(member.mode & 0o7777, member.uid, member.gid, member.mtime)
            if member.islnk():
                folder.put_hard_link(path, f"{name}/{member.linkname}")
            elif member.issym():
                folder.put_link(path, member.linkname, attributes)
            elif member.isdir():
                folder.put_folder(path, attributes)
            elif content := tar.extractfile(member) if member.isreg() else None:
                folder.put_file(path, iter(partial(content.read, CHUNK), b""), attributes)
            else:
                skipped(path)
    folder.finish()
