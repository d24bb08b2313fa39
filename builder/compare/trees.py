"""What differs between two trees of files, by kind."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from builder.offline.files import utf8


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One name in a tree, in the words of find(1) and ls -l.

    `mode` has the type in it; `inode`, `modified` and `changed` (seconds, as text) tell whether it is the
    very same as in a copy of the disk; `target` is what a link says.
    """

    mode: int
    uid: int
    gid: int
    size: int
    inode: int = 0
    modified: str = ""
    changed: str = ""
    target: str = ""

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    def to_json(self) -> dict[str, Any]:
        found = {"mode": stat.filemode(self.mode), "uid": self.uid, "gid": self.gid, "size": self.size}
        return found | ({"target": utf8(self.target)} if self.is_link else {})


Tree = Mapping[str, TreeEntry]
"""Entries by absolute path."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path, and what is there on either side; None where there is nothing."""

    path: str
    before: TreeEntry | None
    after: TreeEntry | None

    def to_json(self) -> dict[str, Any]:
        return {
            "path": utf8(self.path),
            "before": self.before and self.before.to_json(),
            "after": self.after and self.after.to_json(),
        }


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Each kind sorted by path. What changed in more than one way is in more than one kind.

    type: it is another sort of thing now; what else changed of it says nothing then.
    link: a link says something else.
    owner: mode, owner or group.
    """

    added: tuple[FileChange, ...] = ()
    removed: tuple[FileChange, ...] = ()
    content: tuple[FileChange, ...] = ()
    owner: tuple[FileChange, ...] = ()
    link: tuple[FileChange, ...] = ()
    type: tuple[FileChange, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, kind.name) for kind in fields(self))

    def paths(self) -> set[str]:
        """Of everything that changed in any way."""
        return {change.path for kind in fields(self) for change in getattr(self, kind.name)}

    def only(self, wanted: Callable[[str], bool]) -> FileChanges:
        """Those of some paths."""
        return FileChanges(*(tuple(c for c in getattr(self, kind.name) if wanted(c.path)) for kind in fields(self)))

    def to_json(self) -> dict[str, Any]:
        return {kind.name: [change.to_json() for change in getattr(self, kind.name)] for kind in fields(self)}


def to_read(before: Tree, after: Tree) -> list[str]:
    """The files whose content must be read to tell whether it is the same, sorted."""
    return sorted(
        path
        for path in before.keys() & after.keys()
        if before[path].is_file and after[path].is_file and before[path].size == after[path].size
        if before[path].size and not same_inode(before[path], after[path])
    )


def same_inode(before: TreeEntry, after: TreeEntry) -> bool:
    """Whether a file is, inode and all, what it was on the disk that this one is a copy of.

    No program can set the time of the last change (ctime): the kernel takes it from its clock. It proves
    nothing where it has no fraction, as tools have it that write whole file systems with one time for all.
    """
    own = (before.inode, before.modified, before.changed)
    fraction = before.changed.partition(".")[2].strip("0")
    return bool(fraction) and own == (after.inode, after.modified, after.changed)


def compare_trees(before: Tree, after: Tree, differing: Collection[str]) -> FileChanges:
    """What became of the files; `differing` are those of `to_read` whose content is not the same."""
    added = tuple(FileChange(path, None, after[path]) for path in sorted(after.keys() - before.keys()))
    removed = tuple(FileChange(path, before[path], None) for path in sorted(before.keys() - after.keys()))
    content: list[FileChange] = []
    owner: list[FileChange] = []
    link: list[FileChange] = []
    kind: list[FileChange] = []
    for path in sorted(before.keys() & after.keys()):
        old, new = before[path], after[path]
        change = FileChange(path, old, new)
        if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
            kind.append(change)
            continue
        if old.is_file and (old.size != new.size or path in differing):
            content.append(change)
        if old.is_link and old.target != new.target:
            link.append(change)
        if (old.mode, old.uid, old.gid) != (new.mode, new.uid, new.gid):
            owner.append(change)
    return FileChanges(added, removed, tuple(content), tuple(owner), tuple(link), tuple(kind))


def folded(changes: Collection[FileChange]) -> list[tuple[FileChange, int]]:
    """Added or removed paths without those in folders that came or went whole; each with how many it stands for."""
    found: list[tuple[FileChange, int]] = []
    for change in sorted(changes, key=lambda each: each.path.split("/")):
        last = found[-1][0] if found else None
        entry = last and (last.before or last.after)
        if last and entry and entry.is_folder and change.path.startswith(f"{last.path}/"):
            found[-1] = last, found[-1][1] + 1
        else:
            found.append((change, 1))
    return found
