"""Finds the differences between two file trees, by kind."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from builder.offline.files import utf8


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file, folder or link in a tree, with the fields of find(1) and ls -l.

    `mode` includes the file type. `inode`, `modified` and `changed` (mtime and ctime in seconds, as text) show
    whether the file is untouched since the disk was copied. `target` is the target of a link.
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
    """A path, and its entry on each side; None if that side has none."""

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
    """The changes of each kind, sorted by path. A path may have changes of several kinds.

    type: the file type changed; other changes of that path are not listed.
    link: the target of a link changed.
    owner: mode, owner or group changed.
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
        """All paths that changed in any way."""
        return {change.path for kind in fields(self) for change in getattr(self, kind.name)}

    def only(self, wanted: Callable[[str], bool]) -> FileChanges:
        """The changes of the paths for which `wanted` is true."""
        return FileChanges(*(tuple(c for c in getattr(self, kind.name) if wanted(c.path)) for kind in fields(self)))

    def to_json(self) -> dict[str, Any]:
        return {kind.name: [change.to_json() for change in getattr(self, kind.name)] for kind in fields(self)}


def files_to_read(before: Tree, after: Tree) -> list[str]:
    """The files whose content must be read to find out whether it changed, sorted."""
    return sorted(
        path
        for path in before.keys() & after.keys()
        if before[path].is_file and after[path].is_file and before[path].size == after[path].size
        if before[path].size and not same_inode(before[path], after[path])
    )


def same_inode(before: TreeEntry, after: TreeEntry) -> bool:
    """Whether a file is untouched since the disk was copied, which equal inode, mtime and ctime prove.

    Programs cannot set the ctime; the kernel takes it from its clock. A ctime without a fraction proves
    nothing: tools that write whole file systems give all files the same one.
    """
    identity = (before.inode, before.modified, before.changed)
    fraction = before.changed.partition(".")[2].strip("0")
    return bool(fraction) and identity == (after.inode, after.modified, after.changed)


def compare_trees(before: Tree, after: Tree, differing: Collection[str]) -> FileChanges:
    """The changes between two trees; `differing` are the files of `files_to_read` whose content differs."""
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


def group_by_folder(changes: Collection[FileChange]) -> list[tuple[FileChange, int]]:
    """Added or removed paths; a folder stands for all paths in it. Each with the number of paths that it stands for."""
    groups: list[tuple[FileChange, int]] = []
    for change in sorted(changes, key=lambda each: each.path.split("/")):
        last = groups[-1][0] if groups else None
        entry = last and (last.before or last.after)
        if last and entry and entry.is_folder and change.path.startswith(f"{last.path}/"):
            groups[-1] = last, groups[-1][1] + 1
        else:
            groups.append((change, 1))
    return groups
