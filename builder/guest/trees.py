"""Trees of files that are copied into a guest, and the comparison with what the guest has."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from builder import digest, process
from builder.errors import CommandError
from builder.findings import Finding
from builder.guest.guest import Guest, Kind

COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""The tools that decompress an archive, by the magic number of its file."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """An entry of a tree: permission bits, numeric owner and group, a file's SHA-256, a link's target."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    sha256: str = ""
    target: str = ""


Tree = Mapping[str, FileEntry]
"""Entries by their path relative to the tree's root, which has the path "". A single file is a tree of one entry."""


def of_host(path: Path, *, contents: bool = True) -> Tree:
    """The tree of a file or folder of the host; `path` may be a link to one.

    Without `contents`, files are not read and have no SHA-256. Raises ValueError for an entry that is not a file,
    folder or link, and OSError.
    """
    root = path.resolve()
    names = {each: os.path.relpath(each, root) if each != root else "" for each in _below(root)}
    return {name: _of_host(each, contents) for each, name in names.items()}


def _below(path: Path) -> Iterator[Path]:
    # Unlike this, rglob silently skips folders that it may not read.
    yield path
    if path.is_dir() and not path.is_symlink():
        for child in sorted(path.iterdir()):
            yield from _below(child)


def _of_host(path: Path, contents: bool) -> FileEntry:
    found = path.lstat()
    common = (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
    if stat.S_ISREG(found.st_mode):
        return FileEntry("file", *common, sha256=digest.of_file(path) if contents else "")
    if stat.S_ISDIR(found.st_mode):
        return FileEntry("folder", *common)
    if stat.S_ISLNK(found.st_mode):
        return FileEntry("link", *common, target=str(path.readlink()))
    raise ValueError(f"not a file, folder or link: {path}")


def of_archive(archive: Path) -> Tree:
    """The tree of a tar archive, compressed or not.

    Raises ValueError if it is not a tar archive, is damaged or empty, or has a member outside the target folder.
    """
    tree: dict[str, FileEntry] = {}
    problem = ""
    try:
        with open_archive(archive) as stream:
            try:
                with tarfile.open(fileobj=stream, mode="r|") as tar:
                    for member in tar:
                        if ".." in member.name.split("/"):
                            raise ValueError(f"its member {member.name} leads outside the target folder")
                        tree[_name(member.name)] = _of_member(tar, member, tree)
            except tarfile.TarError as error:
                problem = f"not a tar archive, or damaged: {error}"
            # Read to the end: the decompressor may still report an error.
            while stream.read(digest.CHUNK):
                pass
    except CommandError as error:
        problem = f"damaged: {error.output.strip()}"
    if problem or not tree:
        raise ValueError(problem or "the archive is empty")
    return tree


def _of_member(tar: tarfile.TarFile, member: tarfile.TarInfo, before: Tree) -> FileEntry:
    common = (member.mode & 0o7777, member.uid, member.gid)
    if member.islnk():
        linked = before.get(_name(member.linkname))
        if linked is None:
            raise ValueError(
                f"its member {member.name} is a hard link to {member.linkname}, which is not in the archive"
            )
        return linked
    if content := tar.extractfile(member) if member.isreg() else None:
        return FileEntry("file", *common, sha256=hashlib.file_digest(content, "sha256").hexdigest())  # type: ignore[arg-type]
    if member.isdir():
        return FileEntry("folder", *common)
    if member.issym():
        return FileEntry("link", *common, target=member.linkname)
    return FileEntry("other", *common)


def _name(member: str) -> str:
    """A member's path as tar unpacks it: relative, and "" for the target folder itself."""
    return posixpath.normpath(f"/{member}").lstrip("/")


@contextmanager
def open_archive(archive: Path) -> Iterator[IO[bytes]]:
    """Open an archive as an uncompressed stream. Raises CommandError and HostError."""
    with archive.open("rb") as file:
        head = file.read(6)
    tool = next((tool for magic, tool in COMPRESSIONS.items() if head.startswith(magic)), None)
    if tool is None:
        with archive.open("rb") as file:
            yield file
    else:
        with process.piped([tool, "--decompress", "--stdout", str(archive)]) as output:
            yield output


@contextmanager
def pack_folder(folder: Path) -> Iterator[IO[bytes]]:
    """Pack a folder of the host, as the stream of a tar archive. Raises CommandError and HostError."""
    with process.piped(["tar", "--create", "--numeric-owner", f"--directory={folder}", "."]) as output:
        yield output


def copy_in(guest: Guest, source: Path, path: str) -> None:
    """Copy a file or folder of the host to a path in a guest, with its modes and numeric owners.

    A folder is merged into an existing one; links in it stay links. Raises GuestError or CommandError.
    """
    if source.is_dir():
        with pack_folder(source) as stream:
            guest.unpack(Path(f"/dev/fd/{stream.fileno()}"), path)
        return
    found = source.stat()
    guest.mkdir(posixpath.dirname(path))
    guest.upload(source, path)
    file = guest.resolve(path)
    guest.chown(file, f"{found.st_uid}:{found.st_gid}")
    guest.chmod(file, found.st_mode & 0o7777)


def paths(path: str, tree: Tree) -> list[str]:
    """The paths of a tree's entries in a guest, if the tree is copied to `path`."""
    return [posixpath.join(path, name).rstrip("/") or "/" for name in tree]


def compare(guest: Guest, path: str, tree: Tree, name: str) -> Finding:
    """Check that a guest has all entries of a tree at `path`. The finding calls the tree `name`."""
    expected = zip(paths(path, tree), tree.values(), strict=True)
    different = [place for place, entry in expected if not _matches(guest, place, entry)]
    if not different:
        return Finding(True, f"{path} has all {len(tree)} entries of {name}")
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return Finding(False, f"different from {name}: {', '.join(different[:3])}{more}")


def _matches(guest: Guest, path: str, entry: FileEntry) -> bool:
    if entry.kind == "folder":
        path = guest.resolve(path)  # tar follows a link to a folder
    found = guest.find_stat(path)
    if found is None or (found.kind, found.uid, found.gid) != (entry.kind, entry.uid, entry.gid):
        return False
    if entry.kind == "link":
        return guest.read_link(path) == entry.target
    if entry.kind == "file" and guest.call("checksum", "sha256", path) != entry.sha256:
        return False
    return found.mode == entry.mode
