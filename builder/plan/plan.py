"""From a recipe and the state of the caches to a list of actions."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from builder import digest, seal
from builder.bases import Base, Wanted
from builder.errors import GoldenError, HostError, RequestError
from builder.events import Emit, Notice, silent
from builder.inputs import KeyContext
from builder.layers import Cache
from builder.paths import Output
from builder.plan.action import Action, BaseAction, PublishAction, SealAction, StepAction
from builder.recipe import Recipe, media
from builder.steps import Step
from builder.steps.boot_loader import BootLoader
from builder.store import Store, Version
from builder.store.manifest import Kept, Manifest, Parent

SCHEMA = 1
"""Part of every key: raise it when layers mean something else than before."""

CACHED = "in the cache"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build of a recipe does, in order; `current` is the version that `latest` points to.

    `parent` is the published version that it stands on. Where the parent is to be built first there
    is none yet, and `awaits` names its template: what follows from it is foreseen, and the keys are
    not those that the build will have.
    """

    recipe: Recipe
    base: BaseAction
    steps: tuple[StepAction, ...]
    seal: SealAction
    publish: PublishAction
    current: Version | None
    parent: Version | None = None
    awaits: str | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        return (self.base, *self.steps, self.seal, self.publish)

    @property
    def changed(self) -> bool:
        """Whether a build would publish a new version."""
        return not self.publish.reused


@dataclass(frozen=True, slots=True)
class Past:
    """The actions of the version that `latest` points to, for telling why one must run again."""

    digests: dict[str, list[str]]
    keys: frozenset[str]
    parent: Parent | None = None
    unknown: str | None = None
    """Why nothing is known of it."""

    @classmethod
    def of(cls, manifest: Manifest) -> Past:
        digests: dict[str, list[str]] = {}
        for action in manifest.actions:
            digests.setdefault(action.step, []).append(action.digest)
        return cls(digests, frozenset(action.key for action in manifest.actions), manifest.parent)

    @classmethod
    def none(cls, reason: str) -> Past:
        return cls({}, frozenset(), unknown=reason)

    def find_move(self, parent: Version) -> str | None:
        """That the parent is another version than before of the same template; None where it is not."""
        was = self.parent
        if was is None or was.template != parent.template or was.digest == parent.manifest.disk.sha256:
            return None
        return f"{was.template} was {was.version} before"

    def reason(self, step: str, key: str, own: str, follows: str | None) -> str:
        """Why an action whose layer is not in the cache must run; `follows` is the first that runs before it."""
        if self.unknown:
            return self.unknown
        if own not in self.digests.get(step, []):
            return "its options changed" if step in self.digests else "new in the recipe"
        if follows:
            return f"follows {follows}"
        return "no longer in the cache" if key in self.keys else "follows other steps than before"


def read_secret_key(output: Output) -> bytes:
    """The key under which secrets are digested; one for this call alone where there is none yet.

    `build` makes the lasting one; before that no layer exists that could be missed.
    """
    try:
        return output.secret_key.read_bytes()
    except OSError:
        return secrets.token_bytes(32)


def find_current(recipe: Recipe, output: Output, emit: Emit) -> tuple[Version | None, Past]:
    """The version that `latest` points to, and what it was made of; a damaged one is said, and counts as none."""
    current = Store(output.templates).find_channel(recipe.name)
    if current is None:
        return None, Past.none("never built")
    try:
        return current, Past.of(current.manifest)
    except HostError as error:
        emit(Notice(str(error), warning=True))
        return None, Past.none("the last version is damaged")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a plan stands on: its base, what decides the disk's content, and what the seal must leave alone of it.

    `because` is why another base than before is used, where something better is known than that it is another.
    """

    base: Base
    identity: dict[str, object]
    kept: Kept
    parent: Version | None
    because: str | None = None
    awaits: str | None = None


def find_ground(recipe: Recipe, output: Output, past: Past, above: Plan | None) -> Ground:
    """Look the base up; `above` is the plan of its parent, where that is built first. Raises GoldenError, placed."""
    if above and above.changed:
        kept = Kept(paths=sorted(above.seal.kept), users=[*above.seal.users])
        name = above.recipe.name
        foreseen: dict[str, object] = {"kind": "template", "awaits": above.publish.key}
        return Ground(recipe.base, foreseen, kept, None, f"the template {name} is built first", name)
    asked = wanted(recipe, output)
    try:
        base = recipe.base.pinned(asked)
        parent = base.parent(asked)
        kept = parent.manifest.kept if parent else Kept()
        return Ground(base, base.key_facts(asked), kept, parent, past.find_move(parent) if parent else None)
    except GoldenError as error:
        error.where = error.where or recipe.where_base
        raise


def make_plan(recipe: Recipe, output: Output, emit: Emit = silent, above: Plan | None = None) -> Plan:
    """Tell what a build would do, and why. Raises RequestError or HostError for a base that cannot be told.

    `above` is the plan of its parent, where that is built first.
    """
    context = key_context(recipe, output)
    current, past = find_current(recipe, output, emit)
    ground = find_ground(recipe, output, past, above)
    first_to_run: str | None = None

    def judge(step: str, title: str, key: str, own: str, cached: bool, because: str | None = None) -> tuple[bool, str]:
        """Whether an action is reused, and the reason."""
        nonlocal first_to_run
        if cached:
            return True, CACHED
        reason = because or past.reason(step, key, own, first_to_run)
        first_to_run = first_to_run or title
        return False, reason

    own = digest.of_value(ground.identity)
    key = digest.of_value([SCHEMA, ground.identity])
    layer = Cache(output.bases).find(key)
    title = ground.base.title
    judged = judge("base", title, key, own, layer is not None, ground.because)
    base = BaseAction("base", title, key, own, *judged, ground.base)

    cache = Cache(output.layers)
    steps: list[StepAction] = []
    for step in in_order(recipe.steps):
        own = step_digest(step, context)
        key = digest.of_value([SCHEMA, key, own])
        layer = layer and cache.find(key, layer)
        judged = judge(step.step_name, step.title, key, own, layer is not None)
        steps.append(StepAction(step.step_name, step.title, key, own, *judged, step))

    asked = recipe.seal
    users = sorted({*ground.kept.users, *asked.keep_users, *(u for step in recipe.steps for u in step.kept_users())})
    operations = tuple(seal.select(asked.skip, asked.also, keep_users=users, script=asked.script))
    kept = frozenset(ground.kept.paths).union(path for step in recipe.steps for path in step.kept_paths())
    own = digest.of_value(["seal", seal.key(operations), sorted(kept)])
    key = digest.of_value([SCHEMA, key, own])
    layer = layer and cache.find(key, layer)
    judged = judge("seal", "seal", key, own, layer is not None)
    sealing = SealAction("seal", "seal", key, own, *judged, operations, kept, tuple(users))

    own = digest.of_value(["publish", publication(recipe)])
    key = digest.of_value([SCHEMA, key, own])
    published = current is not None and is_published(current, key)
    judged = (True, "published") if published else judge("publish", "publish", key, own, False)
    publishing = PublishAction("publish", "publish", key, own, *judged)
    return Plan(recipe, base, tuple(steps), sealing, publishing, current, ground.parent, ground.awaits)


def wanted(recipe: Recipe, output: Output) -> Wanted:
    """What the recipe says of its disk beside the base."""
    return Wanted(recipe.folder, output.templates, recipe.size, recipe.firmware, secret_key=read_secret_key(output))


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
