"""Reads the packages and files of disks in one appliance, one disk after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from builder.appliance.appliance import Appliance
from builder.compare.trees import FileChanges, Tree, TreeEntry, compare_trees, files_to_read
from builder.events import Emit, Notice
from builder.guest import packages
from builder.guest.chroot import ROOT
from builder.guest.guest import Guest
from builder.offline import Target
from builder.offline.files import TYPES
from builder.offline.session import opened_in
from builder.paths import Output

FIELDS = r"%y %m %U %G %s %i %T@ %C@ /%P\0%l\0"
"""What find(1) prints of each name. The link target is a field of its own, as it may contain any byte but 0."""


class DiskReader:
    """Reads disks, without changing them."""

    def __init__(self, appliance: Appliance, output: Output, emit: Emit) -> None:
        self._appliance = appliance
        self._output = output
        self._emit = emit

    def packages(self, target: Target) -> list[dict[str, Any]]:
        """The packages on a disk, in the form of a manifest. Raises BuildError."""
        with self._on(target) as guest:
            return [asdict(package) for package in packages.of(guest).installed()]

    def compare(self, a: Target, b: Target, path: str) -> FileChanges:
        """The changes of the files at or below a path."""
        with self._on(a) as guest:
            before = read_tree(guest, path)
        with self._on(b) as guest:
            after = read_tree(guest, path)
            candidates = files_to_read(before, after)
            if candidates:
                self._emit(Notice(f"reading {len(candidates)} files that have the same size on both disks"))
            sums_b = read_sums(guest, candidates)
        sums_a: Mapping[str, str] = {}
        if candidates:
            with self._on(a) as guest:
                sums_a = read_sums(guest, candidates)
        # A file that could not be read on one side counts as different.
        differing = {each for each in candidates if each not in sums_a or sums_a[each] != sums_b.get(each)}
        return compare_trees(before, after, differing)

    def _on(self, target: Target) -> AbstractContextManager[Guest]:
        """Open one disk at a time: a copy has the same volume group names and file system UUIDs as its original."""
        return opened_in(self._appliance, target, self._output, self._emit)


def read_tree(guest: Guest, path: str) -> Tree:
    """All entries at or below a path, read by one command. Raises ApplianceError."""
    guest.leave_chroot()
    text = guest.appliance.shell_output(f"find {ROOT} -mindepth 1 -printf '{FIELDS}'").decode(errors="surrogateescape")
    words = text.split("\0")
    found = {}
    for line, target in zip(words[0:-1:2], words[1::2], strict=True):
        kind, mode, uid, gid, size, inode, modified, changed, name = line.split(" ", 8)
        if within(name, path):
            full_mode = int(mode, 8) | TYPES.get(kind, 0)
            found[name] = TreeEntry(full_mode, int(uid), int(gid), int(size), int(inode), modified, changed, target)
    return found


def within(name: str, path: str) -> bool:
    """Whether `name` is `path` or below it."""
    return path == "/" or name == path or name.startswith(f"{path}/")


def read_sums(guest: Guest, paths: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of files, read by one command, without unreadable files. Raises ApplianceError."""
    if not paths:
        return {}
    guest.leave_chroot()
    names = "".join(f".{path}\0" for path in paths).encode(errors="surrogateescape")
    file = guest.appliance.upload_to_memory(names, "golden-compare")
    command = f"cd {ROOT}; xargs -0 -r sha256sum --zero -- <{file} 2>/dev/null; rm {file}; cd /"
    text = guest.appliance.shell_output(command).decode(errors="surrogateescape")
    # 64 digits, two spaces and `.`, then the path
    return {line[67:]: line[:64] for line in text.split("\0") if line}
