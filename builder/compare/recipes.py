"""What differs between the recipes that two versions were built of, by their manifests."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from builder.store.manifest import Manifest, ManifestAction, ManifestParent


@dataclass(frozen=True, slots=True)
class StepChange:
    """The title of an action on either side; None where that side lacks it."""

    step: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, str | None]:
        return {"step": self.step, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class RecipeChanges:
    """What became of base, steps, seal and publication, each kind in the order in which they run.

    A changed one has other options or other input files, by its digest. `reordered` is whether those
    that are the same run in another order, `text` whether the recipe's file is another, which may be
    its comments alone. `parents` are the versions that the two stood on, where those have other disks.
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
    """What became of the recipe from one version to another."""
    gone, come = list(a.actions), list(b.actions)
    same = _pair_off(gone, come, lambda action: (action.step, action.digest))
    order = [b.actions.index(after) for _, after in same]
    # An option may be part of the title or not: the nearest that an edited step was before is the like-titled one.
    edited = _pair_off(gone, come, lambda action: (action.step, action.title))
    edited += _pair_off(gone, come, lambda action: action.step)
    return RecipeChanges(
        added=tuple(StepChange(action.step, None, action.title) for action in come),
        removed=tuple(StepChange(action.step, action.title, None) for action in gone),
        changed=tuple(StepChange(before.step, before.title, after.title) for before, after in edited),
        reordered=order != sorted(order),
        text=bool(a.recipe.sha256 and b.recipe.sha256) and a.recipe.sha256 != b.recipe.sha256,
        parents=_parents(a, b),
    )


def _pair_off(
    gone: list[ManifestAction], come: list[ManifestAction], mark: Callable[[ManifestAction], Hashable]
) -> list[tuple[ManifestAction, ManifestAction]]:
    """Take from both lists, in order, the actions that have the same mark."""
    pairs = []
    for before in [*gone]:
        after = next((action for action in come if mark(action) == mark(before)), None)
        if after is not None:
            gone.remove(before)
            come.remove(after)
            pairs.append((before, after))
    return pairs


def _parents(a: Manifest, b: Manifest) -> tuple[str | None, str | None] | None:
    before, after = a.parent, b.parent
    if (before and before.digest) == (after and after.digest):
        return None
    return _name(before), _name(after)


def _name(parent: ManifestParent | None) -> str | None:
    return f"{parent.template}:{parent.version}" if parent else None
