"""Bases and layers as one store, because layers are based on bases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import ClassVar

from builder.layers.cache import LayerCache
from builder.layers.work import no_new_builds, running_since
from builder.paths import Output
from builder.storage import CacheEntry, Kind, PrunableStore


class BuildDisks(PrunableStore):
    """Bases and layers."""

    kinds: ClassVar[frozenset[Kind]] = frozenset({"base", "layer"})

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bases = LayerCache(output.bases)
        self._layers = LayerCache(output.layers)

    def entries(self) -> Iterator[CacheEntry]:
        running = running_since(self._output)
        found = [*self._bases.entries("base", running), *self._layers.entries("layer", running)]
        yield from mark_orphans(found)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let no build begin, and none find or commit a disk."""
        with ExitStack() as held:
            for lock in (no_new_builds(self._output), self._bases.locked(), self._layers.locked()):
                held.enter_context(lock)
            yield


def mark_orphans(entries: Sequence[CacheEntry]) -> Iterator[CacheEntry]:
    """The same entries; entries whose parent was removed or replaced are useless, and so are their children."""
    known = {entry.id: entry for entry in entries if entry.id and not entry.useless}
    whole: dict[str | None, bool] = {None: True}

    def is_whole(name: str | None) -> bool:
        """Whether a disk and all that it is based on are there; None is a disk that is based on nothing."""
        chain = []
        while name not in whole:
            chain.append(name)
            name = known[name].parent if name in known else ""
            whole.setdefault("", False)
            if name in chain:  # a circle, which no build makes
                name = ""
        whole.update(dict.fromkeys(chain, whole[name]))
        return whole[name]

    for entry in entries:
        lost = entry.useless is None and not is_whole(entry.parent)
        yield replace(entry, useless="its parent layer was replaced or removed") if lost else entry
