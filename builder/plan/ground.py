"""What a plan stands on: its base, as it is now."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from builder import digest
from builder.bases import Base, BaseRequest
from builder.errors import GoldenError, HostError
from builder.events import Emit, Notice
from builder.layers import LayerCache
from builder.paths import Output
from builder.plan.chain import SCHEMA, ChainLink, chain
from builder.plan.past import PreviousBuild
from builder.plan.plan import Plan
from builder.plan.refresh import Refresh
from builder.recipe import Recipe
from builder.store import Version
from builder.store.manifest import KeptState
from builder.upstream import UpstreamMemory


def read_secret_key(output: Output) -> bytes:
    """The key under which secrets are digested; one for this call alone where there is none yet.

    `build` makes the lasting one; before that no layer exists that could be missed.
    """
    try:
        return output.secret_key.read_bytes()
    except OSError:
        return secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class PlannedBase:
    """What a plan stands on: its base, what decides the disk's content, and what the seal must leave alone of it.

    `because` is why another base than before is used, where something better is known than that it is another.
    """

    base: Base
    identity: dict[str, object]
    kept: KeptState
    parent: Version | None
    because: str | None = None
    awaits: str | None = None


def find_ground(
    recipe: Recipe, output: Output, past: PreviousBuild, above: Plan | None, look: UpstreamLook
) -> PlannedBase:
    """Look the base up; `above` is the plan of its parent, where that is built first. Raises GoldenError, placed."""
    if above and above.changed:
        kept = KeptState(paths=sorted(above.seal.kept), users=[*above.seal.users])
        name = above.recipe.name
        foreseen: dict[str, object] = {"kind": "template", "awaits": above.publish.key}
        return PlannedBase(recipe.base, foreseen, kept, None, f"the template {name} is built first", name)
    assert look.refresh.upstream
    asked = wanted(recipe, output, look.refresh.upstream.memory)
    try:
        base = recipe.base.pin(asked)
        parent = base.parent(asked)
        kept = parent.manifest.kept if parent else KeptState()
        facts = find_facts(base, asked, LayerCache(output.bases), look)
        return PlannedBase(base, facts, kept, parent, past.find_move(parent) if parent else None)
    except GoldenError as error:
        error.where = error.where or recipe.where_base
        raise


def find_facts(base: Base, asked: BaseRequest, cache: LayerCache, look: UpstreamLook) -> dict[str, object]:
    """What the base's key is made of; the same as last time, if who knows cannot be asked and it is in the cache.

    Raises RequestError, or HostError.
    """
    try:
        return base.key_facts(asked)
    except HostError as error:
        known = base.find_known_facts(asked) if look.refresh.on_unreachable == "keep" else None
        if known is None or not chain(base_key(known), [base_link(base, known, cache)])[0].layer:
            raise
        text = f"{base.title}: {error.message}; what was made from there is kept as it is"
        look.emit(Notice(f"{text}\n  {error.details}" if error.details else text, warning=True))
        return known


def base_key(facts: dict[str, object]) -> str:
    return digest.of_value([SCHEMA, facts])


def base_link(base: Base, facts: dict[str, object], cache: LayerCache) -> ChainLink:
    return ChainLink("base", base.title, digest.of_value(facts), cache)


@dataclass(frozen=True, slots=True)
class UpstreamLook:
    """How to look upstream, with an `upstream` in any case, and who hears of it."""

    refresh: Refresh
    emit: Emit


def wanted(recipe: Recipe, output: Output, memory: UpstreamMemory | None = None) -> BaseRequest:
    """What the recipe says of its disk beside the base."""
    key = read_secret_key(output)
    return BaseRequest(recipe.folder, output.templates, recipe.size, recipe.firmware, secret_key=key, memory=memory)
