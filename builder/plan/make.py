"""From a recipe and the state of the caches to a list of actions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from builder import digest, seal
from builder.errors import RequestError
from builder.events import Emit, Notice, silent
from builder.inputs import KeyContext
from builder.layers import Layer, LayerCache
from builder.paths import Output
from builder.plan.action import Action, BaseAction, PublishAction, SealAction, StepAction
from builder.plan.chain import SCHEMA, ChainLink, PlacedLink, Renewal, chain
from builder.plan.ground import UpstreamLook, base_key, base_link, find_ground, read_secret_key, wanted
from builder.plan.past import PreviousBuild, find_current
from builder.plan.plan import Plan
from builder.plan.refresh import Refresh, find_moves
from builder.recipe import Recipe, media
from builder.seal import Operation
from builder.steps import Step
from builder.steps.boot_loader import BootLoader
from builder.store import Version
from builder.store.manifest import KeptState

CACHED = "in the cache"


def make_plan(
    recipe: Recipe,
    output: Output,
    emit: Emit = silent,
    above: Plan | None = None,
    refresh: Refresh | None = None,
) -> Plan:
    """Tell what a build would do, and why. Raises RequestError or HostError for a base that cannot be told.

    `above` is the plan of its parent, where that is built first. With `refresh` what layers saw upstream is
    looked at again: the first that is stale, and all that follows, runs. Without, nothing is asked for but
    what tells a base from others. HostError is also raised for what cannot be reached, if `refresh` says so.
    """
    look = UpstreamLook((refresh or Refresh(layers=False)).at(output), emit)
    context = key_context(recipe, output)
    current, past = find_current(recipe, output, emit)
    ground = find_ground(recipe, output, past, above, look)
    ordered = in_order(recipe.steps)
    sealing, kept, users = find_seal(recipe, ground.kept)
    cache = LayerCache(output.layers)
    links = [
        base_link(ground.base, ground.identity, LayerCache(output.bases)),
        *(ChainLink(step.step_name, step.title, step_digest(step, context), cache) for step in ordered),
        ChainLink("seal", "seal", digest.of_value(["seal", seal.key(sealing), sorted(kept)]), cache),
    ]
    standing = chain(base_key(ground.identity), links)
    moved, renewal = find_moves(standing, past, look.refresh, emit) if look.refresh.layers else ((), None)
    if renewal:
        standing = chain(base_key(ground.identity), links, renewal)

    if look.refresh.layers and standing[0].layer:
        tell_of_old_base(standing[0].layer, ground.base.indexes(wanted(recipe, output)), emit)
    judged = ReuseJudge(past, renewal)
    base, *steps, last = (judged.action(each, ground.because if each is standing[0] else None) for each in standing)
    own = digest.of_value(["publish", publication(recipe)])
    key = digest.of_value([SCHEMA, last.key, own])
    if current is not None and is_published(current, key):
        publishing = PublishAction("publish", "publish", key, own, True, "published")
    else:
        publishing = PublishAction("publish", "publish", key, own, False, judged.reason("publish", "publish", key, own))
    return Plan(
        recipe,
        BaseAction(**asdict(base), base=ground.base, facts=ground.identity),
        tuple(StepAction(**asdict(each), options=step) for each, step in zip(steps, ordered, strict=True)),
        SealAction(**asdict(last), operations=sealing, kept=kept, users=users),
        publishing,
        current,
        ground.parent,
        ground.awaits,
        moved,
        renewal,
    )


def tell_of_old_base(layer: Layer, indexes: list[str], emit: Emit) -> None:
    if indexes and "observations" not in layer.record:
        text = f"nothing is known of what was upstream when {layer.disk} was made: it is kept until you remove it"
        emit(Notice(text, warning=True))


@dataclass(slots=True)
class ReuseJudge:
    """Tells of each action in turn whether it is reused, and the reason; `follows` is the first that runs."""

    past: PreviousBuild
    renewal: Renewal | None
    follows: str | None = None

    def action(self, each: PlacedLink, because: str | None) -> Action:
        link = each.link
        if each.layer:
            return Action(link.step, link.title, each.key, link.own, True, CACHED)
        begun = self.renewal is not None and self.renewal.natural == each.natural
        # One that was begun by an earlier build, and of which there is no layer yet.
        waiting = not self.follows and each.key not in self.past.keys
        if each.generation and (begun or waiting):
            because = because or each.generation.because
        reason = self.reason(link.step, link.title, each.key, link.own, because)
        return Action(link.step, link.title, each.key, link.own, False, reason)

    def reason(self, step: str, title: str, key: str, own: str, because: str | None = None) -> str:
        reason = because or self.past.reason(step, key, own, self.follows)
        self.follows = self.follows or title
        return reason


def find_seal(recipe: Recipe, below: KeptState) -> tuple[tuple[Operation, ...], frozenset[str], tuple[str, ...]]:
    """The seal's operations, the paths that they leave alone, and the users who stay."""
    asked = recipe.seal
    users = sorted({*below.users, *asked.keep_users, *(u for step in recipe.steps for u in step.kept_users())})
    operations = tuple(seal.select(asked.skip, asked.also, keep_users=users, script=asked.script))
    kept = frozenset(below.paths).union(path for step in recipe.steps for path in step.kept_paths())
    return operations, kept, tuple(users)


def key_context(recipe: Recipe, output: Output) -> KeyContext:
    """What the keys of a recipe's steps depend on beside their options. Raises RequestError for media that are gone."""
    try:
        return KeyContext(read_secret_key(output), media.identity(recipe.media))
    except OSError as error:
        raise RequestError("the media cannot be read", details=str(error)) from error


def step_digest(step: Step, context: KeyContext) -> str:
    """What a step is by itself: its name, version and options, with its input files as they are now."""
    own = [step.step_name, step.step_version, step.key_options(context)]
    return digest.of_value([*own, context.media] if context.media and step.takes_packages else own)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """The steps as they run: in the order of the recipe, but passwords after all others.

    After the last that changes the boot loader's settings comes the one that puts them into effect.
    """
    ordered = sorted(steps, key=lambda step: step.late)
    changing = [index for index, step in enumerate(ordered) if step.changes_boot]
    if changing:
        ordered.insert(changing[-1] + 1, BootLoader())
    return ordered


def publication(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe shapes the published version beside its disk's content."""
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "domain": recipe.domain.model_dump(mode="json"),
        "publish": recipe.publish.model_dump(mode="json"),
        **({"firmware": recipe.firmware} if recipe.firmware != "bios" else {}),
        **({"verify": [each.model_dump(mode="json") for each in recipe.verify]} if recipe.verify else {}),
    }


def is_published(version: Version, key: str) -> bool:
    """Whether a version is what a publication of that key would give, and still whole."""
    manifest = version.manifest
    return manifest.key == key and (version.folder / manifest.disk.file).exists()
