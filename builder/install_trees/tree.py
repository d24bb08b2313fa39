"""Opens an install tree at any location, and reads its description and its files."""

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
from builder.install_trees.stream import Stream, read_up_to
from builder.install_trees.treeinfo import TreeInfo
from builder.install_trees.url import is_well_formed, shown

TREEINFO = (".treeinfo", "treeinfo")
DISCINFO = ".discinfo"

LIMIT = 16 << 20
"""Maximum size in bytes of a tree's metadata files; the largest real ones have a few hundred thousand."""

TREE_HINT = "choose a folder, ISO image or URL that contains .treeinfo (EL, Fedora) or dists/ (Debian)"


@contextmanager
def open_tree(source: str | Path, *, silence: float = SILENCE) -> Iterator[InstallTree]:
    """The tree in a folder or an ISO image on this host, or at a file, http, https or ftp URL.

    For Debian, the location may end in /dists/RELEASE; otherwise the release is stable. Raises RequestError if
    the location cannot be that of a tree, HostError if it cannot be opened. It does not check that there is a
    tree or that it is complete. A server that sends nothing for `silence` seconds counts as unreachable.
    """
    location, release = str(source), None
    match = re.fullmatch(r"(.*)/dists/([^/]+)/?", location, re.DOTALL)
    opened = _open_source((match[1] or "/") if match else location, silence)
    try:
        if match and debian.has_release(opened.exists, match[2]):
            release = match[2]
        elif match:  # a folder that only looks like a release
            opened.close()
            opened = _open_source(location, silence)
        yield InstallTree(opened, release)
    finally:
        opened.close()


def _open_source(location: str, silence: float) -> TreeSource:
    """Open a location; only the modules that it needs are imported, because they are large."""
    if not is_well_formed(location):
        raise RequestError(f"not a URL that can be opened: {location}", hint="correct the host name of the URL")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", location)
    match scheme[1].lower() if scheme else "file":
        case "http" | "https":
            from builder.install_trees.http import HttpSource

            return HttpSource(location, silence)
        case "ftp":
            from builder.install_trees.ftp import FtpSource

            return FtpSource(location, silence)
        case "file" if path := unquote(urlsplit(location).path) if scheme else location:
            return _open_file(Path(path))
    raise RequestError(
        f"not the location of an install tree: {shown(location)}",
        hint="name a folder, an ISO image, or an http, https, ftp or file URL; begin a folder with / or .",
    )


def _open_file(path: Path) -> TreeSource:
    if path.is_dir():
        from builder.install_trees.folder import FolderSource

        return FolderSource(path)
    if path.is_file():
        from builder.install_trees.iso import IsoSource

        return IsoSource(path)
    raise RequestError(
        f"no such install tree: {path}" if not path.exists() else f"neither a folder nor an ISO image: {path}",
        hint="name the tree's folder, ISO image or URL",
    )


class InstallTree:
    """An install tree. Paths are relative to it. Methods raise HostError if it cannot be reached or read."""

    def __init__(self, source: TreeSource, release: str | None = None) -> None:
        self._source = source
        self._release = release
        self._infos: dict[str | None, TreeInfo | None] = {}

    def __str__(self) -> str:
        return self._source.name

    def exists(self, path: str) -> bool:
        """Whether the tree has a file."""
        return self._source.exists(_normal(path))

    def read(self, path: str, limit: int = LIMIT) -> bytes:
        """The content of a small file. Raises RequestError if it is missing or has more than `limit` bytes."""
        with self.stream(path) as stream:
            content = read_up_to(stream.chunks, limit + 1)
        if len(content) > limit:
            raise RequestError(
                f"{path} in the tree is too large: more than {limit} bytes: {self}",
                hint="copy the tree again from its source",
            )
        return content

    def fetch(self, path: str, target: Path, emit: Emit) -> None:
        """Download a file to `target` and verify its checksum if the tree names one.

        Raises RequestError if it is missing or damaged. If there is a checksum, an interrupted transfer leaves a
        partial file beside `target`, and the next transfer resumes it.
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
        if sha256 and (actual := digest.of_file(part)) != sha256:
            part.unlink()
            raise self._checksum_error(path, sha256, actual)
        files.move(part, target)

    @contextmanager
    def stream(self, path: str, offset: int = 0) -> Iterator[Stream]:
        """A file's bytes, from `offset` on if that is cheap. Raises RequestError if it is missing."""
        try:
            with self._source.stream(_normal(path), offset) as stream:
                yield stream
        except FileMissing as error:
            raise RequestError(
                f"the tree has no {path}: {self}",
                details=str(error),
                hint=f"run `golden tree check {self}` to see what else is missing",
            ) from error

    def sha256(self, path: str, emit: Emit = silent) -> str:
        """The digest of a file, which is read completely. Raises RequestError if it is missing."""
        with self.stream(path) as stream:
            return stream.sha256(emit)

    def checksum(self, path: str) -> str | None:
        """The SHA-256 that the tree names for a file, if any. Raises RequestError for a damaged treeinfo."""
        self.find_info()
        checksums = (info.checksums.get(_normal(path)) for info in self._infos.values() if info)
        return next(filter(None, checksums), None)

    def _checksum_error(self, path: str, expected: str, actual: str) -> RequestError:
        return RequestError(
            f"{path} does not match the tree's checksum: {self}",
            details=f"expected sha256:    {expected}\nsha256 of the file: {actual}",
            hint="copy the tree again from its source",
        )

    @property
    def info(self) -> TreeInfo:
        """The description of the tree. Raises RequestError if there is no tree or its description is damaged."""
        return self.info_for(None)

    def info_for(self, arch: str | None) -> TreeInfo:
        """The same for one architecture, if several share the tree. Raises RequestError."""
        info = self.find_info(arch)
        if info is None:
            raise RequestError(f"not an install tree: {self}", details=self._missing_indexes(), hint=TREE_HINT)
        return info

    def find_info(self, arch: str | None = None) -> TreeInfo | None:
        """The same, None if there is no tree. `arch` matters for Debian only, whose trees are for several."""
        key = None if self.treeinfo_path else arch
        if key not in self._infos:
            self._infos[key] = self._read_info(key)
        return self._infos[key]

    def boot_files(self, arch: str) -> tuple[str, str]:
        """The paths of the installer's kernel and initrd for an architecture (x86_64, aarch64).

        Raises RequestError if the tree is for another architecture or has no installer.
        """
        info = self.info_for(arch)
        if info.arch != arch:
            raise RequestError(
                f"the tree is for {info.arch}, not for {arch}: {self}", hint=f"name a tree for {arch} instead"
            )
        missing = [kind for kind, path in (("kernel", info.kernel), ("initrd", info.initrd)) if path is None]
        if missing and self.treeinfo_path:
            raise RequestError(
                f"the tree names no {' and no '.join(missing)} for {arch}: {self}",
                details=f"[images-{arch}] in {self.treeinfo_path} has no such entry",
                hint="name a tree with an installer: this one is a package repository only",
            )
        if info.kernel is None or info.initrd is None:
            raise RequestError(
                f"the tree has no installer for {arch}: {self}",
                details=debian.missing_installer(self._release, arch),
                hint="append /dists/RELEASE to the tree to choose a release other than stable",
            )
        return info.kernel, info.initrd

    def identity(self, arch: str | None = None) -> dict[str, Any]:
        """What determines the result of an install from this tree, as JSON; independent of the tree's location.

        It contains digests of the small files, of kernel and initrd (the tree's checksums, else the files are
        read), and of an ISO image's volume descriptor. Raises RequestError if there is no tree or no installer.
        """
        info = self.info_for(arch)
        kernel, initrd = self.boot_files(info.arch)
        treeinfos = [self.treeinfo_path] if self.treeinfo_path else []
        small = [*treeinfos, *(each for each in (*info.indexes, DISCINFO) if self.exists(each))]
        identity: dict[str, Any] = {
            "kernel": info.checksums.get(kernel) or self.sha256(kernel),
            "initrd": info.checksums.get(initrd) or self.sha256(initrd),
            "files": {each: self.sha256(each) for each in small},
        }
        volume = self._source.volume()
        return identity if volume is None else {**identity, "volume": volume}

    @cached_property
    def treeinfo_path(self) -> str | None:
        """The path of the tree's treeinfo; None if it has none."""
        return next((each for each in TREEINFO if self.exists(each)), None)

    def _read_info(self, arch: str | None) -> TreeInfo | None:
        if self.treeinfo_path:
            return treeinfo.parse(self.read(self.treeinfo_path), f"{self}/{self.treeinfo_path}")
        return debian.find(self.exists, self.read, self._release, arch)

    def _missing_indexes(self) -> str:
        """Details for an error message: the files that identify a tree."""
        names = [*TREEINFO, f"dists/{self._release or debian.DEFAULT_RELEASE}/Release"]
        return f"it has neither {names[0]} nor {names[1]} nor {names[2]}"


def _normal(path: str) -> str:
    return posixpath.normpath(path.lstrip("/"))
