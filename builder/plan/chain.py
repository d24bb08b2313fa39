"""The keys of a build's layers, each derived from the one before, and the layers that the cache has for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builder import digest
from builder.layers import Generation, Layer, LayerCache

SCHEMA = 1
"""Part of every key: raise it when the meaning of layers changes."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """An action whose result is a disk.

    `step` is the step's name, `digest` that of the action by itself, and `cache` keeps the disk.
    """

    step: str
    title: str
    digest: str
    cache: LayerCache


@dataclass(frozen=True, slots=True)
class Renewal:
    """A new generation of a key: the layer with the key `natural`, and all its earlier generations, are stale."""

    natural: str
    generation: Generation
    cache: LayerCache

    def record(self) -> None:
        """Make sure that no later build uses the stale layer. Raises OSError."""
        self.cache.renew(self.natural, self.generation)


@dataclass(frozen=True, slots=True)
class PlacedLink:
    """A link with its key, and its layer if the cache has one that is based on the layer of the link before.

    `natural` is the key without any change upstream; `generation` is the newest one of that key.
    """

    link: ChainLink
    natural: str
    generation: Generation | None
    key: str
    layer: Layer | None


def place_links(first: str, links: Sequence[ChainLink], renewal: Renewal | None = None) -> list[PlacedLink]:
    """Give each link its key and its layer; `first` is the natural key of the first link.

    A `renewal` counts as recorded already.
    """
    placed: list[PlacedLink] = []
    for link in links:
        before = placed[-1] if placed else None
        natural = digest.of_value([SCHEMA, before.key, link.digest]) if before else first
        renewed = renewal is not None and renewal.natural == natural
        generation = renewal.generation if renewal and renewed else link.cache.generation(natural)
        key = digest.of_value([SCHEMA, natural, generation.nonce]) if generation else natural
        layer = None if before and not before.layer else link.cache.find(key, before.layer if before else None)
        placed.append(PlacedLink(link, natural, generation, key, layer))
    return placed
