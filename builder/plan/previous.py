"""What the version that `latest` points to was built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from builder.errors import HostError
from builder.events import Emit, Notice
from builder.paths import Output
from builder.recipe import Recipe
from builder.store import Store, Version
from builder.store.manifest import Manifest, ManifestParent


@dataclass(frozen=True, slots=True)
class PreviousBuild:
    """The actions of the previous version: they explain why an action must run again.

    `digests` are those of its actions, by step name; `observations` what each saw upstream, by its key.
    `unknown` says why nothing is known.
    """

    digests: dict[str, list[str]]
    keys: frozenset[str]
    parent: ManifestParent | None = None
    unknown: str | None = None
    observations: Mapping[str, Mapping[str, str | None] | None] = field(default_factory=dict)

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> PreviousBuild:
        digests: dict[str, list[str]] = {}
        for action in manifest.actions:
            digests.setdefault(action.step, []).append(action.digest)
        keys = frozenset(action.key for action in manifest.actions)
        observations = {action.key: action.observations for action in manifest.actions}
        return cls(digests, keys, manifest.parent, observations=observations)

    @classmethod
    def none(cls, reason: str) -> PreviousBuild:
        return cls({}, frozenset(), unknown=reason)

    def find_parent_change(self, parent: Version) -> str | None:
        """That the parent template has another disk than it had; None if it does not."""
        before = self.parent
        if before is None or before.template != parent.template or before.digest == parent.manifest.disk.sha256:
            return None
        return f"the parent was {before.template}:{before.version} before"

    def explain(self, step: str, key: str, digest: str, follows: str | None) -> str:
        """Why an action without a layer in the cache must run; `follows` is the first action that runs before it."""
        if self.unknown:
            return self.unknown
        if digest not in self.digests.get(step, []):
            return "its options changed" if step in self.digests else "new in the recipe"
        if follows:
            return f"follows {follows}"
        return "no longer in the cache" if key in self.keys else "the steps before it changed"


def find_current(recipe: Recipe, output: Output, emit: Emit) -> tuple[Version | None, PreviousBuild]:
    """The version that `latest` points to, and what it was built from; a damaged one is a warning, and none."""
    current = Store(output.templates).find_channel(recipe.name)
    if current is None:
        return None, PreviousBuild.none("never built")
    try:
        return current, PreviousBuild.from_manifest(current.manifest)
    except HostError as error:
        emit(Notice(str(error), warning=True))
        return None, PreviousBuild.none("the last version is damaged")
