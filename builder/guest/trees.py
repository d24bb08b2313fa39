"""Trees of files that go into a guest whole: what they hold, and whether a guest has it."""

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
"""The host's tools by how the files begin that they write."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One name in a tree: permission bits and numeric owner, a file's SHA-256, what a link says."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    sha256: str = ""
    target: str = ""


Tree = Mapping[str, FileEntry]
"""Entries by path relative to the tree's root, which is "" itself; a file alone is a tree of that one entry."""


def of_host(path: Path, *, contents: bool = True) -> Tree:
    """A host's file, or folder with all that is in it; `path` itself may be a link to either.

    Without `contents` no file is read. Raises ValueError for what is neither file, folder nor link, and OSError.
    """
    root = path.resolve()
    names = {each: os.path.relpath(each, root) if each != root else "" for each in _below(root)}
    return {name: _of_host(each, contents) for each, name in names.items()}


def _below(path: Path) -> Iterator[Path]:
    # rglob would leave out, without a word, the folders that it may not read.
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
    raise ValueError(f"neither file, folder nor link: {path}")


def of_archive(archive: Path) -> Tree:
    """What a tar archive holds, compressed or not.

    Raises ValueError when it is none, is damaged, holds nothing, or has a member that leaves the
    folder that it is unpacked in.
    """
    tree: dict[str, FileEntry] = {}
    problem = ""
    try:
        with open_archive(archive) as stream:
            try:
                with tarfile.open(fileobj=stream, mode="r|") as tar:
                    for member in tar:
                        if ".." in member.name.split("/"):
                            raise ValueError(f"its member {member.name} leaves the folder that it is unpacked in")
                        tree[_name(member.name)] = _of_member(tar, member, tree)
            except tarfile.TarError as error:
                problem = f"not a tar archive, or damaged: {error}"
            # The zeros after the end, too: the tool that unpacks may yet have a complaint of its own.
            while stream.read(digest.CHUNK):
                pass
    except CommandError as error:
        problem = f"damaged: {error.output.strip()}"
    if problem or not tree:
        raise ValueError(problem or "the archive holds nothing")
    return tree


def _of_member(tar: tarfile.TarFile, member: tarfile.TarInfo, before: Tree) -> FileEntry:
    common = (member.mode & 0o7777, member.uid, member.gid)
    if member.islnk():
        linked = before.get(_name(member.linkname))
        if linked is None:
            raise ValueError(f"its member {member.name} is another name of {member.linkname}, which is not in it")
        return linked
    if content := tar.extractfile(member) if member.isreg() else None:
        return FileEntry("file", *common, sha256=hashlib.file_digest(content, "sha256").hexdigest())  # type: ignore[arg-type]
    if member.isdir():
        return FileEntry("folder", *common)
    if member.issym():
        return FileEntry("link", *common, target=member.linkname)
    return FileEntry("other", *common)


def _name(member: str) -> str:
    """A member's path as tar unpacks it: relative, and "" for the folder itself."""
    return posixpath.normpath(f"/{member}").lstrip("/")


@contextmanager
def open_archive(archive: Path) -> Iterator[IO[bytes]]:
    """An archive as a stream of what is in it, uncompressed. Raises CommandError and HostError."""
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
    """A host's folder with all that is in it as the stream of a tar archive. Raises CommandError and HostError."""
    with process.piped(["tar", "--create", "--numeric-owner", f"--directory={folder}", "."]) as output:
        yield output


def copy_in(guest: Guest, source: Path, path: str) -> None:
    """Copy a host's file, or folder with all that is in it, to that path of a guest, with modes and owners by number.

    A folder is merged into one that is there; links in it stay links. Raises GuestError or CommandError.
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
    """Where a tree's entries are in a guest when it was put at `path`."""
    return [posixpath.join(path, name).rstrip("/") or "/" for name in tree]


def compare(guest: Guest, path: str, tree: Tree, name: str) -> Finding:
    """Whether a guest has at `path` all that a tree, called `name`, has."""
    places = zip(paths(path, tree), tree.values(), strict=True)
    different = [place for place, entry in places if not _is_there(guest, place, entry)]
    if not different:
        return Finding(True, f"{path} has all of {name}, {len(tree)} entries")
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return Finding(False, f"{', '.join(different[:3])}{more}: not as in {name}")


def _is_there(guest: Guest, path: str, entry: FileEntry) -> bool:
    if entry.kind == "folder":
        path = guest.resolve(path)  # unpacking follows a link to a folder
    found = guest.find_stat(path)
    if found is None or (found.kind, found.uid, found.gid) != (entry.kind, entry.uid, entry.gid):
        return False
    if entry.kind == "link":
        return guest.read_link(path) == entry.target
    if entry.kind == "file" and guest.call("checksum", "sha256", path) != entry.sha256:
        return False
    return found.mode == entry.mode
