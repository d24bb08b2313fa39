"""Checking that a recipe's steps support the guest."""

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
    """A problem for each step (given with its index in the recipe) that does not support the guest.

    Messages call the guest `guest`.
    """
    for index, step in steps:
        if step.supported_families is not None and family not in step.supported_families:
            # With other options, the step may support this guest.
            options = "" if step.supported_families == step.families else " with these options"
            families = " and ".join(sorted(step.supported_families))
            message = f"the step {step.step_name}{options} needs a guest of family {families}; this guest is {guest}"
            yield source.problem(("steps", index, step.step_name), message, key=True)


def check_fits(recipe: Recipe, info: GuestInfo) -> None:
    """Check the steps against the result of inspection. Raises RecipeError."""
    guest = f"{info.distribution} {info.major}"
    problems = list(find_misfits(enumerate(recipe.steps), recipe.source, info.family, guest))
    if problems:
        raise RecipeError(problems)
