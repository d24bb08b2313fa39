"""Making a plan: from a recipe and the state of the caches to a list of actions. Pure: writes nothing."""

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
from builder.plan.base import base_key, base_link, base_request, find_base, read_secret_key
from builder.plan.chain import SCHEMA, ChainLink, PlacedLink, Renewal, place_links
from builder.plan.plan import Plan
from builder.plan.previous import PreviousBuild, find_current
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
    parent_plan: Plan | None = None,
    refresh: Refresh | None = None,
) -> Plan:
    """Compute what a build would do, and why.

    `parent_plan` is the plan of the recipe's parent, if that is built first. With `refresh` the indexes that layers
    saw upstream are checked again: the first stale layer, and all that follow it, run. Without it, golden asks
    upstream only for what identifies the base. Raises RequestError or HostError for a base that cannot be
    identified, and HostError for a server that cannot be reached, if `refresh` asks for that.
    """
    refresh = (refresh or Refresh(layers=False)).at(output)
    context = key_context(recipe, output)
    current, previous = find_current(recipe, output, emit)
    planned = find_base(recipe, output, previous, parent_plan, refresh, emit)
    ordered = in_order(recipe.steps)
    sealing, kept, users = find_seal(recipe, planned.kept)
    cache = LayerCache(output.layers)
    links = [
        base_link(planned.base, planned.identity, LayerCache(output.bases)),
        *(ChainLink(step.step_name, step.title, step_digest(step, context), cache) for step in ordered),
        ChainLink("seal", "seal", digest.of_value(["seal", seal.key(sealing), sorted(kept)]), cache),
    ]
    placed = place_links(base_key(planned.identity), links)
    moved, renewal = find_moves(placed, previous, refresh, emit) if refresh.layers else ((), None)
    if renewal:
        placed = place_links(base_key(planned.identity), links, renewal)

    if refresh.layers and placed[0].layer:
        warn_of_unobserved_base(placed[0].layer, planned.base.indexes(base_request(recipe, output)), emit)
    reuse = ReuseJudge(previous, renewal)
    base, *steps, last = (reuse.judge(each, planned.reason if each is placed[0] else None) for each in placed)
    own_digest = digest.of_value(["publish", publication(recipe)])
    key = digest.of_value([SCHEMA, last.key, own_digest])
    if current is not None and is_published(current, key):
        publish = PublishAction("publish", "publish", key, own_digest, True, "published")
    else:
        reason = reuse.explain("publish", "publish", key, own_digest)
        publish = PublishAction("publish", "publish", key, own_digest, False, reason)
    return Plan(
        recipe,
        BaseAction(**asdict(base), base=planned.base, facts=planned.identity),
        tuple(StepAction(**asdict(each), options=step) for each, step in zip(steps, ordered, strict=True)),
        SealAction(**asdict(last), operations=sealing, kept=kept, users=users),
        publish,
        current,
        planned.parent,
        planned.awaits,
        moved,
        renewal,
    )


def warn_of_unobserved_base(layer: Layer, indexes: list[str], emit: Emit) -> None:
    """Warn of a base from before golden recorded indexes: nothing tells when it is out of date."""
    if indexes and "observations" not in layer.record:
        text = f"{layer.disk} records no upstream state, so --refresh cannot check it; remove it to rebuild it"
        emit(Notice(text, warning=True))


@dataclass(slots=True)
class ReuseJudge:
    """Judges the actions in their order: which are reused, and why the others run.

    `follows` is the title of the first action that runs.
    """

    previous: PreviousBuild
    renewal: Renewal | None
    follows: str | None = None

    def judge(self, placed: PlacedLink, reason: str | None) -> Action:
        """The action of a link; `reason` is why it changed, where that is known already."""
        link = placed.link
        if placed.layer:
            return Action(link.step, link.title, placed.key, link.digest, True, CACHED)
        renewed = self.renewal is not None and self.renewal.natural == placed.natural
        # A generation that an earlier build began, and of which there is no layer yet.
        pending = not self.follows and placed.key not in self.previous.keys
        if placed.generation and (renewed or pending):
            reason = reason or placed.generation.because
        reason = self.explain(link.step, link.title, placed.key, link.digest, reason)
        return Action(link.step, link.title, placed.key, link.digest, False, reason)

    def explain(self, step: str, title: str, key: str, own_digest: str, reason: str | None = None) -> str:
        """Why an action runs. All that come after it follow it."""
        reason = reason or self.previous.explain(step, key, own_digest, self.follows)
        self.follows = self.follows or title
        return reason


def find_seal(recipe: Recipe, inherited: KeptState) -> tuple[tuple[Operation, ...], frozenset[str], tuple[str, ...]]:
    """The seal's operations, and the paths and users that they keep; `inherited` is what the parent's steps protect."""
    options = recipe.seal
    users = sorted({*inherited.users, *options.keep_users, *(u for step in recipe.steps for u in step.kept_users())})
    operations = tuple(seal.select(options.skip, options.also, keep_users=users, script=options.script))
    kept = frozenset(inherited.paths).union(path for step in recipe.steps for path in step.kept_paths())
    return operations, kept, tuple(users)


def key_context(recipe: Recipe, output: Output) -> KeyContext:
    """What the keys of steps depend on besides their options. Raises RequestError for media that cannot be read."""
    try:
        return KeyContext(read_secret_key(output), media.identity(recipe.media))
    except OSError as error:
        raise RequestError(
            "cannot read the recipe's media", details=str(error), hint="correct `media:`, or the permissions"
        ) from error


def step_digest(step: Step, context: KeyContext) -> str:
    """The digest of a step by itself: its name, version and options, with its input files as they are now."""
    own = [step.step_name, step.step_version, step.key_options(context)]
    return digest.of_value([*own, context.media] if context.media and step.takes_packages else own)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """The steps in the order in which they run: the recipe's, but passwords last.

    The last step that changes the boot loader's settings is followed by one that puts them into effect.
    """
    ordered = sorted(steps, key=lambda step: step.late)
    changing = [index for index, step in enumerate(ordered) if step.changes_boot]
    if changing:
        ordered.insert(changing[-1] + 1, BootLoader())
    return ordered


def publication(recipe: Recipe) -> dict[str, Any]:
    """What in a recipe shapes the published version, apart from the content of its disk."""
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "domain": recipe.domain.model_dump(mode="json"),
        "publish": recipe.publish.model_dump(mode="json"),
        **({"firmware": recipe.firmware} if recipe.firmware != "bios" else {}),
        **({"verify": [each.model_dump(mode="json") for each in recipe.verify]} if recipe.verify else {}),
    }


def is_published(version: Version, key: str) -> bool:
    """Whether a version is what publishing under that key would give, and still has its disk."""
    manifest = version.manifest
    return manifest.key == key and (version.folder / manifest.disk.file).exists()
