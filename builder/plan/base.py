"""The base of a plan, as it is now."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from builder import digest
from builder.bases import Base, BaseRequest
from builder.errors import GoldenError, HostError
from builder.events import Emit, Notice
from builder.layers import LayerCache
from builder.paths import Output
from builder.plan.chain import SCHEMA, ChainLink, place_links
from builder.plan.plan import Plan
from builder.plan.previous import PreviousBuild
from builder.plan.refresh import Refresh
from builder.recipe import Recipe
from builder.store import Version
from builder.store.manifest import KeptState
from builder.upstream import UpstreamMemory


def read_secret_key(output: Output) -> bytes:
    """The key under which secrets are digested; before the first build, a key for this call alone.

    `build` makes the lasting key; until then there is no layer that another key could miss.
    """
    try:
        return output.secret_key.read_bytes()
    except OSError:
        return secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class PlannedBase:
    """The base of a plan: what identifies its disk, and what the seal must keep of it.

    `reason` says why the base changed, where more is known than that it did. `awaits` names the parent template
    that is built first.
    """

    base: Base
    identity: dict[str, object]
    kept: KeptState
    parent: Version | None
    reason: str | None = None
    awaits: str | None = None


def find_base(
    recipe: Recipe, output: Output, previous: PreviousBuild, parent_plan: Plan | None, refresh: Refresh, emit: Emit
) -> PlannedBase:
    """Identify the base of a recipe; `parent_plan` is the plan of its parent, if that is built first.

    `refresh` has an `upstream`. Raises GoldenError with the base's place in the recipe.
    """
    if parent_plan and parent_plan.changed:
        kept = KeptState(paths=sorted(parent_plan.seal.kept), users=[*parent_plan.seal.users])
        name = parent_plan.recipe.name
        expected: dict[str, object] = {"kind": "template", "awaits": parent_plan.publish.key}
        return PlannedBase(recipe.base, expected, kept, None, f"the template {name} is built first", name)
    assert refresh.upstream
    request = base_request(recipe, output, refresh.upstream.memory)
    try:
        base = recipe.base.pin(request)
        parent = base.parent(request)
        kept = parent.manifest.kept if parent else KeptState()
        facts = find_facts(base, request, LayerCache(output.bases), refresh, emit)
        return PlannedBase(base, facts, kept, parent, previous.find_parent_change(parent) if parent else None)
    except GoldenError as error:
        error.where = error.where or recipe.where_base
        raise


def find_facts(base: Base, request: BaseRequest, cache: LayerCache, refresh: Refresh, emit: Emit) -> dict[str, object]:
    """What the base's key is made of.

    If the server that knows cannot be reached, and the cache has the base, these are the facts of last time.
    Raises RequestError or HostError.
    """
    try:
        return base.key_facts(request)
    except HostError as error:
        known = base.find_known_facts(request) if refresh.on_unreachable == "keep" else None
        if known is None or not place_links(base_key(known), [base_link(base, known, cache)])[0].layer:
            raise
        text = f"{base.title}: {error.message}; the base in the cache is used as it is"
        emit(Notice(f"{text}\n  {error.details}" if error.details else text, warning=True))
        return known


def base_key(facts: dict[str, object]) -> str:
    return digest.of_value([SCHEMA, facts])


def base_link(base: Base, facts: dict[str, object], cache: LayerCache) -> ChainLink:
    return ChainLink("base", base.title, digest.of_value(facts), cache)


def base_request(recipe: Recipe, output: Output, memory: UpstreamMemory | None = None) -> BaseRequest:
    """What the recipe says of its disk, apart from the base itself."""
    key = read_secret_key(output)
    return BaseRequest(recipe.folder, output.templates, recipe.size, recipe.firmware, secret_key=key, memory=memory)
