"""Whether a recipe's steps fit the guest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from builder.errors import Problem, RecipeError
from builder.guest.info import Family, GuestInfo
from builder.recipe.model import Recipe
from builder.recipe.positions import RecipeSource
from builder.steps import Step


def find_misfits(
    steps: Iterable[tuple[int, Step]], source: RecipeSource, family: Family, guest: str
) -> Iterator[Problem]:
    """A problem for each step (with its index in the recipe) that is for other guests. `guest` is ours in words."""
    for index, step in steps:
        if step.fits is not None and family not in step.fits:
            # One that fits other guests with other options is not at fault as a whole.
            how = "" if step.fits == step.families else " with these options"
            message = f"step {step.step_name}{how} is for {' and '.join(sorted(step.fits))} guests; this one is {guest}"
            yield source.problem(("steps", index, step.step_name), message, key=True)


def check_fits(recipe: Recipe, info: GuestInfo) -> None:
    """Check the steps against what inspection says. Raises RecipeError."""
    guest = f"{info.distribution} {info.major}"
    problems = list(find_misfits(enumerate(recipe.steps), recipe.source, info.family, guest))
    if problems:
        raise RecipeError(problems)
