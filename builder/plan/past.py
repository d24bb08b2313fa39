"""What the version that `latest` points to was made of."""

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
    """The actions of that version, for telling why one must run again, and what each saw upstream by its key."""

    digests: dict[str, list[str]]
    keys: frozenset[str]
    parent: ManifestParent | None = None
    unknown: str | None = None
    """Why nothing is known of it."""
    observations: Mapping[str, Mapping[str, str | None] | None] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest) -> PreviousBuild:
        digests: dict[str, list[str]] = {}
        for action in manifest.actions:
            digests.setdefault(action.step, []).append(action.digest)
        keys = frozenset(action.key for action in manifest.actions)
        seen = {action.key: action.observations for action in manifest.actions}
        return cls(digests, keys, manifest.parent, observations=seen)

    @classmethod
    def none(cls, reason: str) -> PreviousBuild:
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


def find_current(recipe: Recipe, output: Output, emit: Emit) -> tuple[Version | None, PreviousBuild]:
    """The version that `latest` points to, and what it was made of; a damaged one is said, and counts as none."""
    current = Store(output.templates).find_channel(recipe.name)
    if current is None:
        return None, PreviousBuild.none("never built")
    try:
        return current, PreviousBuild.of(current.manifest)
    except HostError as error:
        emit(Notice(str(error), warning=True))
        return None, PreviousBuild.none("the last version is damaged")
