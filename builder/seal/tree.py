"""The part of a guest's file tree that the seal works on, read and changed with one command each."""

from __future__ import annotations

import dataclasses
import functools
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from builder.errors import ApplianceError, GuestError
from builder.guest.guest import Guest, Kind
from builder.seal import patterns

ROOTS = (
    "/boot", "/dev", "/efi", "/etc", "/home", "/root", "/run", "/srv", "/tmp",
    "/usr/lib/sysimage", "/usr/local", "/var",
)  # fmt: skip
"""The folders that can contain a machine's identity. The rest of /usr is the same on every machine."""

KINDS: dict[str, Kind] = {"f": "file", "d": "folder", "l": "link"}

MAX_LINKS = 40
"""Maximum number of links to follow for one path, as in the kernel; more count as a loop."""


@dataclass(frozen=True, slots=True)
class TreeItem:
    """A file, folder or link. `size` is in bytes; `target` is the text of a link."""

    kind: Kind
    size: int = 0
    target: str = ""


@dataclass(frozen=True)
class GuestTree:
    """Everything below ROOTS in a guest by its absolute path, and the paths to keep.

    The tree never follows a link: a pattern cannot match outside the folder that it names, and removing
    a link never removes its target. `find` and `find_files` return no kept path, and no folder that
    contains one. A kept folder stays, but not its contents, unless they are kept too.
    """

    entries: dict[str, TreeItem]
    kept: frozenset[str] = frozenset()

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def kind(self, path: str) -> Kind | None:
        item = self.entries.get(path)
        return item.kind if item else None

    def find(self, wanted: tuple[str, ...]) -> set[str]:
        """Return the matching paths to remove. For a folder with kept contents, return everything else in it."""
        expression = patterns.compiled(wanted)
        matching = [path for path in self.entries if expression.fullmatch(path)] if wanted else []
        return {removable for path in matching for removable in self._removable(path)}

    def find_files(self, wanted: tuple[str, ...]) -> set[str]:
        """Return the matching regular files that are not kept."""
        expression = patterns.compiled(wanted)
        return {
            path
            for path, item in (self.entries.items() if wanted else ())
            if item.kind == "file" and path not in self.kept and expression.fullmatch(path)
        }

    def is_editable(self, path: str) -> bool:
        """Whether the path is a regular file that need not be kept."""
        return self.kind(path) == "file" and path not in self.kept

    def with_kept(self, spared: tuple[str, ...]) -> GuestTree:
        """Return the same tree in which the files that match `spared` are kept too."""
        return dataclasses.replace(self, kept=self.kept | self.find_files(spared)) if spared else self

    def without(self, removed: set[str]) -> GuestTree:
        """Return the tree after the removal of these paths and everything below them."""
        left = {path: item for path, item in self.entries.items() if removed.isdisjoint(_with_parents(path))}
        return GuestTree(left, self.kept)

    def find_link(self, folder: str) -> tuple[str, str] | None:
        """Return the first link in a folder's path and the real path of its target; None if there is no link."""
        for path in reversed(_with_parents(folder)):
            if self.kind(path) == "link":
                return path, self.resolve(path)
        return None

    def resolve(self, path: str) -> str:
        """Return the real path, following the links that the tree knows inside the guest."""
        for _ in range(MAX_LINKS):
            link = next((part for part in reversed(_with_parents(path)) if self.kind(part) == "link"), None)
            if link is None:
                break
            target = posixpath.join(posixpath.dirname(link), self.entries[link].target)
            path = posixpath.normpath(target + path.removeprefix(link)).replace("//", "/")
        return path

    def _removable(self, path: str) -> Iterable[str]:
        if path in self.kept and self.kind(path) != "folder":
            return ()
        if path not in self._folders_to_keep:
            return (path,)
        return [removable for child in self._children.get(path, ()) for removable in self._removable(child)]

    @functools.cached_property
    def _folders_to_keep(self) -> set[str]:
        """The folders that are kept or that have kept contents."""
        kept = [path for path in self.kept if path in self.entries]
        return {parent for path in kept for parent in _with_parents(path) if self.kind(parent) == "folder"}

    @functools.cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for path in self.entries:
            children.setdefault(posixpath.dirname(path), []).append(path)
        return children


def _with_parents(path: str) -> list[str]:
    """Return a path and its parent folders, the nearest first, without the root."""
    found = []
    while len(path) > 1:
        found.append(path)
        path = posixpath.dirname(path)
    return found


def read(guest: Guest, kept: Iterable[str] = ()) -> GuestTree:
    """Read the tree of a mounted guest. Raises ApplianceError.

    `kept` has paths as steps name them. If such a path is a link or has one in it, both the link and
    its target are kept.
    """
    # Run the appliance's find on the mounted disk instead of the guest's find in a chroot: it is ten
    # times faster and does not depend on the guest's tools. find follows no links below its starting
    # points; the test of `parent` makes sure that there are none above them.
    find = (
        "cd /sysroot; set --;"
        f" for root in {' '.join(root[1:] for root in ROOTS)}; do"
        ' parent="/sysroot/$root"; parent="${parent%/*}";'
        ' [ "$(cd "$parent" 2>/dev/null && pwd -P)" = "$parent" ] || continue;'
        ' if [ -e "$root" ] || [ -L "$root" ]; then set -- "$@" "$root"; fi; done;'
        " find \"$@\" -printf '%y %s /%p\\0%l\\0'"
    )
    guest.leave_chroot()
    fields = guest.appliance.shell_output(find).decode(errors="surrogateescape").split("\0")
    nodes = {}
    for entry, target in zip(fields[0:-1:2], fields[1::2], strict=True):
        kind, size, path = entry.split(" ", 2)
        nodes[path] = TreeItem(KINDS.get(kind, "other"), int(size), target)
    tree = GuestTree(nodes)
    real = {posixpath.join(tree.resolve(posixpath.dirname(path)), posixpath.basename(path)) for path in kept}
    return GuestTree(nodes, frozenset(real | {tree.resolve(path) for path in real}))


def change(guest: Guest, *, removed: set[str], emptied: set[str]) -> None:
    """Remove paths, with everything in removed folders, and empty regular files in place. Raises GuestError."""
    # The tree has no path through a link, so none of these leads out of /sysroot.
    changes = {"rm -rf": removed, "truncate -s 0": emptied}
    commands = ["cd /sysroot"]
    for number, (command, paths) in enumerate(changes.items()):
        names = "".join(f"{path[1:]}\0" for path in sorted(paths)).encode(errors="surrogateescape")
        file = guest.appliance.upload_to_memory(names, f"golden-seal{number}")
        commands += [f"xargs -0 -r {command} -- <{file}", f"rm {file}"]
    try:
        guest.appliance.shell(" && ".join(commands))
    except ApplianceError as error:
        raise GuestError("the seal could not remove or empty files in the guest", details=error.details) from error
