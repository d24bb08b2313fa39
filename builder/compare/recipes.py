"""Finds what differs between the recipes of two versions, from their manifests."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from builder.store.manifest import Manifest, ManifestAction, ManifestParent


@dataclass(frozen=True, slots=True)
class StepChange:
    """An action's title on each side; None if that side lacks it."""

    step: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, str | None]:
        return {"step": self.step, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class RecipeChanges:
    """The changes of base, steps, seal and publication, each kind in the order in which they run.

    A changed action has other options or input files, as its digest shows. `reordered`: unchanged actions
    run in another order. `text`: the recipe's file differs, if only in its comments. `parents`: the parent
    versions of both sides, if their disks differ.
    """

    added: tuple[StepChange, ...] = ()
    removed: tuple[StepChange, ...] = ()
    changed: tuple[StepChange, ...] = ()
    reordered: bool = False
    text: bool = False
    parents: tuple[str | None, str | None] | None = None

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.reordered or self.text or self.parents)

    def to_json(self) -> dict[str, Any]:
        return {
            "added": [change.to_json() for change in self.added],
            "removed": [change.to_json() for change in self.removed],
            "changed": [change.to_json() for change in self.changed],
            "reordered": self.reordered,
            "text": self.text,
            "parents": {"before": self.parents[0], "after": self.parents[1]} if self.parents else None,
        }


def compare_recipes(a: Manifest, b: Manifest) -> RecipeChanges:
    """The changes between the recipes of two versions."""
    old, new = list(a.actions), list(b.actions)
    same = _pair_off(old, new, lambda action: (action.step, action.digest))
    order = [b.actions.index(after) for _, after in same]
    # A title shows only some options, so an edited step often keeps its title: match equal titles first.
    edited = _pair_off(old, new, lambda action: (action.step, action.title))
    edited += _pair_off(old, new, lambda action: action.step)
    return RecipeChanges(
        added=tuple(StepChange(action.step, None, action.title) for action in new),
        removed=tuple(StepChange(action.step, action.title, None) for action in old),
        changed=tuple(StepChange(before.step, before.title, after.title) for before, after in edited),
        reordered=order != sorted(order),
        text=bool(a.recipe.sha256 and b.recipe.sha256) and a.recipe.sha256 != b.recipe.sha256,
        parents=_parents(a, b),
    )


def _pair_off(
    old: list[ManifestAction], new: list[ManifestAction], key: Callable[[ManifestAction], Hashable]
) -> list[tuple[ManifestAction, ManifestAction]]:
    """Remove from both lists, in order, the pairs of actions with the same key, and return them."""
    pairs = []
    for before in [*old]:
        after = next((action for action in new if key(action) == key(before)), None)
        if after is not None:
            old.remove(before)
            new.remove(after)
            pairs.append((before, after))
    return pairs


def _parents(a: Manifest, b: Manifest) -> tuple[str | None, str | None] | None:
    before, after = a.parent, b.parent
    if (before and before.digest) == (after and after.digest):
        return None
    return _name(before), _name(after)


def _name(parent: ManifestParent | None) -> str | None:
    return f"{parent.template}:{parent.version}" if parent else None
