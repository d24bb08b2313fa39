"""The base class of seal operations, which are mostly data: the paths that they remove."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.tree import GuestTree


@dataclass(frozen=True)
class Operation:
    """Removes one kind of machine identity from a guest. `patterns` describes the syntax of all patterns.

    name:          in kebab-case; virt-sysprep's name where it has the same operation.
    heading:       one line, printed by `golden seal`.
    removed:       files, links and whole folders to remove.
    removed_files: regular files to remove; folders and links stay.
    emptied:       regular files to empty; they keep their owner and mode.
    spared:        files to keep although another pattern matches them.
    default:       whether every seal includes the operation unless it skips it.
    version:       part of the seal's layer key. Increase it when `apply` changes what it writes to the disk.
    last:          order of `apply`: operations with 1 follow those with 0, operations with 2 follow those with 1.

    Most operations are instances of this class. An operation with code of its own is a subclass, whose
    docstring is user documentation: `golden seal NAME` prints it.
    """

    name: str
    heading: str
    _: KW_ONLY
    removed: tuple[str, ...] = ()
    removed_files: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    default: bool = True
    version: int = 1
    last: int = 0

    @property
    def patterns(self) -> tuple[str, ...]:
        return self.removed + self.removed_files + self.emptied

    def key(self) -> Any:
        """Return the operation's part of the layer key. It includes the patterns: a change needs no new version."""
        paths = [list(field) for field in (self.removed, self.removed_files, self.emptied, self.spared)]
        return [self.name, self.version, *paths]

    def paths_to_remove(self, tree: GuestTree) -> set[str]:
        tree = tree.with_kept(self.spared)
        return tree.find(self.removed) | tree.find_files(self.removed_files)

    def files_to_empty(self, tree: GuestTree) -> set[str]:
        """Return the files to empty that are not empty yet."""
        files = tree.with_kept(self.spared).find_files(self.emptied)
        return {path for path in files if tree.entries[path].size}

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        """Make changes beyond the patterns. `tree` is the guest after all removals. Raises GuestError."""

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        """Yield findings that show whether the sealed disk still has what the operation removes. Writes nothing."""
        if self.removed or self.removed_files:
            left = self.paths_to_remove(tree)
            yield Finding(not left, f"not removed: {shorten(left)}" if left else "all removed")
        if self.emptied:
            left = self.files_to_empty(tree) - self.paths_to_remove(tree)
            yield Finding(not left, f"not emptied: {shorten(left)}" if left else "all emptied")


def shorten(paths: Collection[str], limit: int = 5) -> str:
    """Return the first paths of a collection as one line of text. Unprintable paths are quoted."""
    shown = [path if path.isprintable() else repr(path) for path in sorted(paths)[:limit]]
    rest = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
