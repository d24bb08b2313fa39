"""Reading the trees of disks in one appliance, one disk after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from builder.appliance.appliance import Appliance
from builder.compare.trees import FileChanges, Tree, TreeEntry, compare_trees, to_read
from builder.events import Emit, Notice
from builder.guest import packages
from builder.guest.chroot import ROOT
from builder.guest.guest import Guest
from builder.offline import Target
from builder.offline.files import TYPES
from builder.offline.session import shown
from builder.paths import Output

FIELDS = r"%y %m %U %G %s %i %T@ %C@ /%P\0%l\0"
"""What find(1) is asked of each name; a link's text is apart, as either may have any byte but 0."""


class DiskReader:
    """Looks at disks, which stay as they are."""

    def __init__(self, appliance: Appliance, output: Output, emit: Emit) -> None:
        self._appliance = appliance
        self._output = output
        self._emit = emit

    def packages(self, target: Target) -> list[dict[str, Any]]:
        """The packages on a disk, as a manifest has them. Raises BuildError."""
        with self._on(target) as guest:
            return [asdict(package) for package in packages.of(guest).installed()]

    def compare(self, a: Target, b: Target, path: str) -> FileChanges:
        """What became of the files at and below a path."""
        with self._on(a) as guest:
            before = read_tree(guest, path)
        with self._on(b) as guest:
            after = read_tree(guest, path)
            alike = to_read(before, after)
            if alike:
                self._emit(Notice(f"reading {len(alike)} files of like size on both disks"))
            theirs = read_sums(guest, alike)
        ours: Mapping[str, str] = {}
        if alike:
            with self._on(a) as guest:
                ours = read_sums(guest, alike)
        # What could not be read on either side is not known to be the same.
        differing = {each for each in alike if each not in ours or ours[each] != theirs.get(each)}
        return compare_trees(before, after, differing)

    def _on(self, target: Target) -> AbstractContextManager[Guest]:
        """One disk at a time: a copy's volume groups and file systems have the names of the original's."""
        return shown(self._appliance, target, self._output, self._emit)


def read_tree(guest: Guest, path: str) -> Tree:
    """Everything at and below a path, by one command. Raises ApplianceError."""
    guest.leave_chroot()
    said = guest.appliance.shell_output(f"find {ROOT} -mindepth 1 -printf '{FIELDS}'").decode(errors="surrogateescape")
    words = said.split("\0")
    found = {}
    for line, target in zip(words[0:-1:2], words[1::2], strict=True):
        kind, mode, uid, gid, size, inode, modified, changed, name = line.split(" ", 8)
        if within(name, path):
            whole = int(mode, 8) | TYPES.get(kind, 0)
            found[name] = TreeEntry(whole, int(uid), int(gid), int(size), int(inode), modified, changed, target)
    return found


def within(name: str, path: str) -> bool:
    """Whether a path is another or below it."""
    return path == "/" or name == path or name.startswith(f"{path}/")


def read_sums(guest: Guest, paths: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of files, by one command; those that cannot be read are left out. Raises ApplianceError."""
    if not paths:
        return {}
    guest.leave_chroot()
    listed = "".join(f".{path}\0" for path in paths).encode(errors="surrogateescape")
    file = guest.appliance.upload_to_memory(listed, "golden-compare")
    command = f"cd {ROOT}; xargs -0 -r sha256sum --zero -- <{file} 2>/dev/null; rm {file}; cd /"
    said = guest.appliance.shell_output(command).decode(errors="surrogateescape")
    # HASH, two spaces, the name
    return {line[67:]: line[:64] for line in said.split("\0") if line}
