"""What a seal operation is: mostly data, the paths that it removes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.tree import GuestTree


@dataclass(frozen=True)
class Operation:
    """One thing that makes an image a particular machine, and how it goes. All patterns are those of `patterns`.

    name:          virt-sysprep's where it has one; kebab-case.
    heading:       one line, shown by listings.
    removed:       what goes, whole folders too.
    removed_files: regular files that go; folders stay, and so do links.
    emptied:       regular files that become empty and keep their owner and mode.
    spared:        files that match and stay nevertheless.
    default:       whether it is part of every seal that does not skip it.
    version:       part of the seal's layer key: raise it when `apply` changes what ends up on the disk.
    last:          what it comes after: 0 for no other, 1 for those of 0, 2 for those of 1.

    Most operations are instances of this class. One that needs more subclasses it.
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
        """What a layer key must know: a change of the patterns needs no new version."""
        paths = [list(field) for field in (self.removed, self.removed_files, self.emptied, self.spared)]
        return [self.name, self.version, *paths]

    def find_doomed(self, tree: GuestTree) -> set[str]:
        """The paths that go."""
        tree = tree.keeping(self.spared)
        return tree.find(self.removed) | tree.find_files(self.removed_files)

    def find_filled(self, tree: GuestTree) -> set[str]:
        """The files that become empty and are not yet."""
        filled = tree.keeping(self.spared).find_files(self.emptied)
        return {path for path in filled if tree.nodes[path].size}

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        """Do what patterns cannot say; `tree` is what is left after all removals. Raises GuestError."""

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        """Prove from the sealed disk that nothing is left. Writes nothing."""
        if self.removed or self.removed_files:
            doomed = self.find_doomed(tree)
            yield Finding(not doomed, f"still there: {some(doomed)}" if doomed else "nothing is left")
        if self.emptied:
            filled = self.find_filled(tree) - self.find_doomed(tree)
            yield Finding(not filled, f"not empty: {some(filled)}" if filled else "what stays is empty")


def some(paths: Collection[str], limit: int = 5) -> str:
    """Some of many paths, for one line of text; names that cannot be printed are quoted."""
    shown = [path if path.isprintable() else repr(path) for path in sorted(paths)[:limit]]
    rest = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
