"""An install tree, wherever it is: what it holds, and its files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from builder import digest, files
from builder.errors import RequestError
from builder.events import Emit, silent
from builder.install_trees import debian, treeinfo
from builder.install_trees.source import SILENCE, FileMissing, TreeSource
from builder.install_trees.stream import Stream, cut
from builder.install_trees.treeinfo import TreeInfo
from builder.install_trees.url import shown

TREEINFO = (".treeinfo", "treeinfo")
DISCINFO = ".discinfo"

LIMIT = 16 << 20
"""Bytes that a tree's own descriptions may have; the largest real ones have a few hundred thousand."""

A_TREE = "a tree has a .treeinfo (EL, Fedora), or dists/ (Debian)"


@contextmanager
def open_tree(source: str | Path, *, silence: float = SILENCE) -> Iterator[InstallTree]:
    """The tree in a folder or an ISO image of this host, or behind a file, http, https or ftp URL.

    A tree of Debian may end in /dists/RELEASE; else it is about its stable release. Raises RequestError
    where that is no place of a tree at all, HostError where it cannot be opened. Whether a tree is there,
    and complete, is not asked here. A server that sends nothing for `silence` seconds counts as gone.
    """
    place, release = str(source), None
    named = re.fullmatch(r"(.*)/dists/([^/]+)/?", place, re.DOTALL)
    opened = _open_source((named[1] or "/") if named else place, silence)
    try:
        if named and debian.has_release(opened.exists, named[2]):
            release = named[2]
        elif named:  # it is only called so
            opened.close()
            opened = _open_source(place, silence)
        yield InstallTree(opened, release)
    finally:
        opened.close()


def _open_source(place: str, silence: float) -> TreeSource:
    """Only what this place needs is imported: none of it is small."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", place)
    match scheme[1].lower() if scheme else "file":
        case "http" | "https":
            from builder.install_trees.http import HttpSource

            return HttpSource(place, silence)
        case "ftp":
            from builder.install_trees.ftp import FtpSource

            return FtpSource(place, silence)
        case "file" if path := unquote(urlsplit(place).path) if scheme else place:
            return _open_file(Path(path))
    raise RequestError(
        f"not the place of a tree: {shown(place)}",
        hint="a folder, an ISO image, or a URL of http, https, ftp or file; the address of a folder begins with / or .",
    )


def _open_file(path: Path) -> TreeSource:
    if path.is_dir():
        from builder.install_trees.folder import FolderSource

        return FolderSource(path)
    if path.is_file():
        from builder.install_trees.iso import IsoSource

        return IsoSource(path)
    raise RequestError(
        f"no such tree: {path}" if not path.exists() else f"neither a folder nor an ISO image: {path}",
        hint="name the folder or the ISO image of a tree, or its URL",
    )


class InstallTree:
    """Paths are relative to the tree. Its methods raise HostError where it cannot be reached or read."""

    def __init__(self, source: TreeSource, release: str | None = None) -> None:
        self._source = source
        self._release = release
        self._known: dict[str | None, TreeInfo | None] = {}

    def __str__(self) -> str:
        return self._source.name

    def exists(self, path: str) -> bool:
        """Whether the tree has a file."""
        return self._source.exists(_normal(path))

    def read(self, path: str, limit: int = LIMIT) -> bytes:
        """A small file's bytes. Raises RequestError where it is missing, or has more than `limit` bytes."""
        with self.stream(path) as stream:
            content = cut(stream.chunks, limit + 1)
        if len(content) > limit:
            raise RequestError(f"{path} has more than {limit} bytes, which it cannot need: {self}")
        return content

    def fetch(self, path: str, target: Path, emit: Emit) -> None:
        """Put a file at `target`; its checksum is verified where the tree names one.

        Raises RequestError where it is missing or damaged. An interrupted transfer leaves a part beside
        `target`, from which the next one goes on if a checksum can prove the whole.
        """
        sha256 = self.checksum(path)
        part = target.with_name(f".{target.name}.part")
        try:
            with self.stream(path, part.stat().st_size if sha256 and part.exists() else 0) as stream:
                stream.save(part, emit)
        except BaseException:
            if not sha256:
                part.unlink(missing_ok=True)
            raise
        if sha256 and (found := digest.of_file(part)) != sha256:
            part.unlink()
            raise self.damaged(path, sha256, found)
        files.move(part, target)

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        """A file's bytes, from `offset` on if that is cheap. Raises RequestError where it is missing."""
        try:
            with self._source.stream(_normal(path), offset) as stream:
                yield stream
        except FileMissing as error:
            raise RequestError(
                f"the tree has no {path}: {self}",
                details=str(error),
                hint="`golden tree check` tells what else it lacks",
            ) from error

    def sha256(self, path: str, emit: Emit = silent) -> str:
        """The digest of a file, read as a whole. Raises RequestError where it is missing."""
        with self.stream(path) as stream:
            return stream.sha256(emit)

    def checksum(self, path: str) -> str | None:
        """The SHA-256 that the tree names for a file, if it does. Raises RequestError for a damaged treeinfo."""
        self.find_info()
        named = (info.checksums.get(_normal(path)) for info in self._known.values() if info)
        return next(filter(None, named), None)

    def damaged(self, path: str, named: str, found: str) -> RequestError:
        return RequestError(
            f"{path} is not what the tree says: {self}",
            details=f"sha256 in the tree:   {named}\nsha256 of the file:   {found}",
            hint="copy the tree again from where it came from",
        )

    @property
    def info(self) -> TreeInfo:
        """What the tree says of itself. Raises RequestError where there is no tree, or its words are damaged."""
        return self.about(None)

    def about(self, arch: str | None) -> TreeInfo:
        """The same, where several architectures share a tree of that one. Raises RequestError."""
        info = self.find_info(arch)
        if info is None:
            raise RequestError(f"no install tree: {self}", details=self._nothing(), hint=A_TREE)
        return info

    def find_info(self, arch: str | None = None) -> TreeInfo | None:
        """The same, None where there is no tree. One of Debian has several architectures, and is asked for `arch`."""
        asked = None if self.treeinfo_path else arch
        if asked not in self._known:
            self._known[asked] = self._read_info(asked)
        return self._known[asked]

    def boot_files(self, arch: str) -> tuple[str, str]:
        """The paths of the installer's kernel and initrd for an architecture (x86_64, aarch64).

        Raises RequestError where the tree is for another one, or has none.
        """
        info = self.about(arch)
        if info.arch != arch:
            raise RequestError(
                f"the tree is for {info.arch}, not for {arch}: {self}", hint=f"name the tree of {arch} instead"
            )
        missing = [kind for kind, path in (("kernel", info.kernel), ("initrd", info.initrd)) if path is None]
        if missing and self.treeinfo_path:
            raise RequestError(
                f"the tree names no {' and no '.join(missing)} for {arch}: {self}",
                details=f"{self.treeinfo_path} has none in [images-{arch}]",
                hint="this is a repository without an installer; the tree of the installer is another one",
            )
        if info.kernel is None or info.initrd is None:
            raise RequestError(
                f"the tree has no installer for {arch}: {self}",
                details=debian.missing_installer(self._release, arch),
                hint="the address may end in /dists/RELEASE, to name another release than stable",
            )
        return info.kernel, info.initrd

    def identity(self, arch: str | None = None) -> dict[str, Any]:
        """What decides what would be installed from here, as JSON: the same for the same tree, wherever it is.

        Small files are read, and of the kernel and initrd the tree's own checksums taken; they are read where it
        has none. Of an ISO image the volume's descriptor belongs to it. Raises RequestError where there is no
        tree, or where it has no installer.
        """
        info = self.about(arch)
        kernel, initrd = self.boot_files(info.arch)
        described = [self.treeinfo_path] if self.treeinfo_path else []
        small = [*described, *(each for each in (*info.indexes, DISCINFO) if self.exists(each))]
        identity: dict[str, Any] = {
            "kernel": info.checksums.get(kernel) or self.sha256(kernel),
            "initrd": info.checksums.get(initrd) or self.sha256(initrd),
            "files": {each: self.sha256(each) for each in small},
        }
        volume = self._source.volume()
        return identity if volume is None else {**identity, "volume": volume}

    @cached_property
    def treeinfo_path(self) -> str | None:
        """Where the tree's treeinfo is; None where it has none."""
        return next((each for each in TREEINFO if self.exists(each)), None)

    def _read_info(self, arch: str | None) -> TreeInfo | None:
        if self.treeinfo_path:
            return treeinfo.parse(self.read(self.treeinfo_path), f"{self}/{self.treeinfo_path}")
        return debian.find(self.exists, self.read, self._release, arch)

    def _nothing(self) -> str:
        """What a place without a tree lacks, in words."""
        wanted = [*TREEINFO, f"dists/{self._release or debian.ANY}/Release"]
        return f"it has neither {wanted[0]} nor {wanted[1]} nor {wanted[2]}"


def _normal(path: str) -> str:
    return posixpath.normpath(path.lstrip("/"))
