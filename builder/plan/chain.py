"""From actions to their keys and layers, each on the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builder import digest
from builder.layers import Generation, Layer, LayerCache

SCHEMA = 1
"""Part of every key: raise it when layers mean something else than before."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """An action whose result is a disk: its step's name, its title, what it is by itself, where its disk is kept."""

    step: str
    title: str
    own: str
    cache: LayerCache


@dataclass(frozen=True, slots=True)
class Renewal:
    """That a generation of a key begins: what was made under `natural`, and the generations since, is stale."""

    natural: str
    generation: Generation
    cache: LayerCache

    def record(self) -> None:
        """From here on nobody takes the stale layer for the newest. Raises OSError."""
        self.cache.renew(self.natural, self.generation)


@dataclass(frozen=True, slots=True)
class PlacedLink:
    """A link in its place: its key, and the layer of that key, if there is one on the layer before.

    `natural` is the key that it would have if nothing had ever moved upstream, `generation` what moved.
    """

    link: ChainLink
    natural: str
    generation: Generation | None
    key: str
    layer: Layer | None


def chain(first: str, links: Sequence[ChainLink], renewal: Renewal | None = None) -> list[PlacedLink]:
    """Where each link stands; `first` is the natural key of the first. A renewal counts as recorded already."""
    standing: list[PlacedLink] = []
    for link in links:
        before = standing[-1] if standing else None
        natural = digest.of_value([SCHEMA, before.key, link.own]) if before else first
        renewed = renewal is not None and renewal.natural == natural
        generation = renewal.generation if renewal and renewed else link.cache.generation(natural)
        key = digest.of_value([SCHEMA, natural, generation.nonce]) if generation else natural
        found = None if before and not before.layer else link.cache.find(key, before.layer if before else None)
        standing.append(PlacedLink(link, natural, generation, key, found))
    return standing
