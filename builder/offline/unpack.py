"""Putting a guest's files on this host, inside one folder: no name that a guest thought of leads out of it."""

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
"""The mode of folders until all that belongs in them is there."""


@dataclass(frozen=True, slots=True)
class FileAttributes:
    """Permission bits, owner by number, and time of change in seconds since 1970."""

    mode: int
    uid: int
    gid: int
    modified: float


class HostFolder:
    """A folder of this host that files are put into. Names are relative to it.

    Every folder on the way is opened from the one before it, and none through a link, so that whatever
    is there already, and whatever was put there before, nothing is written outside. What is in the
    way of a name is replaced, folders excepted. Owners are kept where this user may give files away.
    Methods raise OSError, and RequestError for names that would lead out.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: dict[str, FileAttributes] = {}

    def put_file(self, name: str, pieces: Iterable[bytes], attributes: FileAttributes) -> None:
        with self._clear(name) as (folder, last):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(last, flags, 0o600, dir_fd=folder), "wb") as file:
                file.writelines(pieces)
                file.flush()
                dress(file.fileno(), attributes)

    def put_link(self, name: str, target: str, attributes: FileAttributes) -> None:
        with self._clear(name) as (folder, last):
            os.symlink(target, last, dir_fd=folder)
            if os.geteuid() == 0:
                os.chown(last, attributes.uid, attributes.gid, dir_fd=folder, follow_symlinks=False)

    def put_other_name(self, name: str, of: str) -> None:
        """Another name of a file that was put here before (a hard link)."""
        with self._parent(of) as (folder, first), self._clear(name) as (other, last):
            if not stat.S_ISREG(os.lstat(first, dir_fd=folder).st_mode):
                raise RequestError(f"{name} is another name of {of}, which is no file")
            os.link(first, last, src_dir_fd=folder, dst_dir_fd=other, follow_symlinks=False)

    def put_folder(self, name: str, attributes: FileAttributes) -> None:
        """A folder, or one that is there already; its attributes come with `finish`."""
        if split(name):
            with self._parent(name) as (folder, last):
                os.close(enter(folder, last))
            self._made[name] = attributes

    def finish(self) -> None:
        """Give the folders their modes and times, the deepest first: nothing more is put into them."""
        for name, attributes in sorted(self._made.items(), key=lambda item: len(split(item[0])), reverse=True):
            with self._parent(name) as (folder, last):
                descriptor = enter(folder, last)
            try:
                dress(descriptor, attributes)
            finally:
                os.close(descriptor)

    @contextmanager
    def _parent(self, name: str) -> Iterator[tuple[int, str]]:
        """The open folder that a name is in, made with all above it, and the name's last part."""
        *above, last = split(name)
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in above:
                inner = enter(descriptor, part)
                os.close(descriptor)
                descriptor = inner
            yield descriptor, last
        finally:
            os.close(descriptor)

    @contextmanager
    def _clear(self, name: str) -> Iterator[tuple[int, str]]:
        """The same, with nothing of that name."""
        with self._parent(name) as (folder, last):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(last, dir_fd=folder)
            yield folder, last


def split(name: str) -> list[str]:
    """The parts of a relative name. Raises RequestError for one that leads up."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise RequestError(f"the guest has a name that leads out of its folder: {name}")
    return parts


def enter(folder: int, name: str) -> int:
    """Open a folder in an open folder; it is made where it is missing, and where a link or file has its name."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        os.mkdir(name, PRIVATE, dir_fd=folder)
    else:
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=folder)
            os.mkdir(name, PRIVATE, dir_fd=folder)
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)


def dress(descriptor: int, attributes: FileAttributes) -> None:
    """Give an open file or folder its owner, mode and time."""
    if os.geteuid() == 0:
        os.fchown(descriptor, attributes.uid, attributes.gid)
    os.fchmod(descriptor, attributes.mode)
    os.utime(descriptor, (attributes.modified, attributes.modified))


def unpack(stream: IO[bytes], root: Path, name: str, skipped: Callable[[str], None]) -> None:
    """Put what a tar stream holds into the folder `name` of the folder `root`.

    `skipped` hears of what is neither file, folder nor link: a device of a guest shall be none of this
    host. Raises tarfile.TarError, OSError, and RequestError for names that would lead out.
    """
    folder = HostFolder(root)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            path = "/".join([name, *split(member.name)])
            attributes = FileAttributes(member.mode & 0o7777, member.uid, member.gid, member.mtime)
            if member.islnk():
                folder.put_other_name(path, f"{name}/{member.linkname}")
            elif member.issym():
                folder.put_link(path, member.linkname, attributes)
            elif member.isdir():
                folder.put_folder(path, attributes)
            elif content := tar.extractfile(member) if member.isreg() else None:
                folder.put_file(path, iter(partial(content.read, CHUNK), b""), attributes)
            else:
                skipped(path)
    folder.finish()
