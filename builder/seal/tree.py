"""The part of a guest's file tree that the seal looks at, read in one go and changed in one go."""

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
"""The folders in which identity is kept. The rest of /usr is the same in every machine."""

KINDS: dict[str, Kind] = {"f": "file", "d": "folder", "l": "link"}

MAX_LINKS = 40
"""Links followed on the way to one file before they count as a loop, as in the kernel."""


@dataclass(frozen=True, slots=True)
class TreeItem:
    """`size` in bytes; `target` is what a link says."""

    kind: Kind
    size: int = 0
    target: str = ""


@dataclass(frozen=True)
class GuestTree:
    """What lies below ROOTS in a guest, by absolute path, and which of it is kept.

    Links are entries like any other and nothing is ever listed behind one: a pattern cannot lead
    out of the folder that it names, and removing a match removes a link, never what it points to.
    No method returns a kept path, nor a folder as a whole that holds one. A kept folder is kept
    empty: what is to stay in it is named, too.
    """

    nodes: dict[str, TreeItem]
    kept: frozenset[str] = frozenset()

    def __contains__(self, path: str) -> bool:
        return path in self.nodes

    def kind(self, path: str) -> Kind | None:
        node = self.nodes.get(path)
        return node.kind if node else None

    def find(self, wanted: tuple[str, ...]) -> set[str]:
        """What matches and can be removed whole. Of a folder that holds something kept: everything else in it."""
        expression = patterns.compiled(wanted)
        matching = [path for path in self.nodes if expression.fullmatch(path)] if wanted else []
        return {removable for path in matching for removable in self._around_kept(path)}

    def find_files(self, wanted: tuple[str, ...]) -> set[str]:
        """The regular files that match."""
        expression = patterns.compiled(wanted)
        return {
            path
            for path, node in (self.nodes.items() if wanted else ())
            if node.kind == "file" and path not in self.kept and expression.fullmatch(path)
        }

    def is_free(self, path: str) -> bool:
        """Whether it is a regular file that nobody wants kept."""
        return self.kind(path) == "file" and path not in self.kept

    def keeping(self, spared: tuple[str, ...]) -> GuestTree:
        """The same tree, with what matches kept too."""
        return dataclasses.replace(self, kept=self.kept | self.find_files(spared)) if spared else self

    def without(self, removed: set[str]) -> GuestTree:
        """The tree after those paths are gone, with all that is below them."""
        left = {path: node for path, node in self.nodes.items() if removed.isdisjoint(_line(path))}
        return GuestTree(left, self.kept)

    def find_detour(self, folder: str) -> tuple[str, str] | None:
        """The link on the way to a folder, with the real path of what it stands for; None on a straight way."""
        for path in reversed(_line(folder)):
            if self.kind(path) == "link":
                return path, self.resolve(path)
        return None

    def resolve(self, path: str) -> str:
        """The real path, links followed inside the guest as far as the tree knows them."""
        for _ in range(MAX_LINKS):
            link = next((part for part in reversed(_line(path)) if self.kind(part) == "link"), None)
            if link is None:
                break
            target = posixpath.join(posixpath.dirname(link), self.nodes[link].target)
            path = posixpath.normpath(target + path.removeprefix(link)).replace("//", "/")
        return path

    def _around_kept(self, path: str) -> Iterable[str]:
        if path in self.kept and self.kind(path) != "folder":
            return ()
        if path not in self._holders:
            return (path,)
        return [removable for child in self._children.get(path, ()) for removable in self._around_kept(child)]

    @functools.cached_property
    def _holders(self) -> set[str]:
        """The folders that stay because something kept is in them, or because they are kept themselves."""
        there = [path for path in self.kept if path in self.nodes]
        return {above for path in there for above in _line(path) if self.kind(above) == "folder"}

    @functools.cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for path in self.nodes:
            children.setdefault(posixpath.dirname(path), []).append(path)
        return children


def _line(path: str) -> list[str]:
    """A path and the folders above it, the nearest first, without the root."""
    found = []
    while len(path) > 1:
        found.append(path)
        path = posixpath.dirname(path)
    return found


def read(guest: Guest, kept: Iterable[str] = ()) -> GuestTree:
    """Look at a guest, mounted for writing or not. Raises ApplianceError.

    `kept` are paths as steps name them; where such a name is a link, or leads through one, the link
    and what it stands for are both kept.
    """
    # The appliance's find is used on the mounted disk, not the guest's in a chroot: ten times
    # quicker, and no question of which tools a guest has. It follows no link below a starting
    # point; the test of the parent sees to it that none stands above.
    find = (
        "cd /sysroot; set --;"
        f" for root in {' '.join(root[1:] for root in ROOTS)}; do"
        ' parent="/sysroot/$root"; parent="${parent%/*}";'
        ' [ "$(cd "$parent" 2>/dev/null && pwd -P)" = "$parent" ] || continue;'
        ' if [ -e "$root" ] || [ -L "$root" ]; then set -- "$@" "$root"; fi; done;'
        " find \"$@\" -printf '%y %s /%p\\0%l\\0'"
    )
    guest.bare()
    fields = guest.appliance.output(find).decode(errors="surrogateescape").split("\0")
    nodes = {}
    for entry, target in zip(fields[0:-1:2], fields[1::2], strict=True):
        kind, size, path = entry.split(" ", 2)
        nodes[path] = TreeItem(KINDS.get(kind, "other"), int(size), target)
    tree = GuestTree(nodes)
    real = {posixpath.join(tree.resolve(posixpath.dirname(path)), posixpath.basename(path)) for path in kept}
    return GuestTree(nodes, frozenset(real | {tree.resolve(path) for path in real}))


def change(guest: Guest, *, removed: set[str], emptied: set[str]) -> None:
    """Remove paths of a tree, folders with all that is in them, and empty regular files in place.

    Raises GuestError.
    """
    # None of these paths leads through a link, so none leads out of /sysroot.
    work = {"rm -rf": removed, "truncate -s 0": emptied}
    commands = ["cd /sysroot"]
    for number, (command, paths) in enumerate(work.items()):
        listed = "".join(f"{path[1:]}\0" for path in sorted(paths)).encode(errors="surrogateescape")
        file = guest.appliance.hand_in(listed, f"golden-seal{number}")
        commands += [f"xargs -0 -r {command} -- <{file}", f"rm {file}"]
    try:
        guest.appliance.shell(" && ".join(commands))
    except ApplianceError as error:
        raise GuestError("the seal cannot change some files of the guest", details=error.details) from error
