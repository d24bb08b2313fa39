"""Loading a recipe's file: into a Recipe, or into all its problems at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from builder.bases import BASES, Base, ImageBase
from builder.errors import Problem, RecipeError, RequestError, did_you_mean
from builder.inputs import RecipeContext
from builder.recipe.explain import Model, ValidatedPart, explain
from builder.recipe.fits import find_misfits
from builder.recipe.graph import find_cycle_problems
from builder.recipe.model import Recipe, SealOptions
from builder.recipe.parse import parse
from builder.recipe.positions import Position, RecipeSource, Route
from builder.recipe.text import read_text
from builder.render import Renderer, RenderError
from builder.steps import Step, password_crypto, registry

RENDERED = ("summary", "base", "media", "steps", "domain", "verify")
"""The parts of a recipe whose strings may use variables."""

STEPS_HINT = "run `golden steps` to list all steps"
ONE_KEY_HINT = 'start each step with "- ", and indent its options below its name'
BASE_HINT = "run `golden reference` to see the options of each base"


def load(path: Path, *, base: Path | None = None) -> Recipe:
    """Read a recipe and check everything that can be checked without a guest. Raises RecipeError with every problem.

    `base` is a disk image that replaces the recipe's own base, which is then not checked. Raises RequestError
    if there is no such file.
    """
    other = ImageBase(image=str(base.absolute())) if base else None
    if other:
        other.path(path.parent)
    value, source, problems = parse(read_text(path), path)
    loader = _Loader(source, problems, other)
    recipe = loader.recipe(value)
    if recipe:
        loader.problems += find_cycle_problems(recipe)
    if recipe is None or loader.problems:
        # A value behind an alias is read, and its problems are found, more than once.
        raise RecipeError(list(dict.fromkeys(loader.problems)))
    return recipe


@dataclass(frozen=True, slots=True)
class PartialRecipe:
    """The part of a recipe that can be loaded without its input files and secrets: enough to audit a disk.

    `skipped` lists the steps that cannot be loaded: name, position, and reason.
    """

    name: str
    steps: tuple[Step, ...]
    seal: SealOptions
    skipped: tuple[tuple[str, str, str], ...] = ()


def load_partly(path: Path, *, doubt: Callable[[Any], str | None] = lambda step: None) -> PartialRecipe:
    """Load the valid part of a recipe. Raises RecipeError if the file is not a recipe at all.

    `doubt` gets each step as it is in the file, and returns a reason to skip it, or None.
    """
    value, source, problems = parse(read_text(path), path)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise RecipeError([*problems, source.problem((), "not a recipe: it has no `name:`")])
    return _Loader(source, problems, None).partial(value, doubt)


class _Loader:
    """Turns the plain value of a recipe into a Recipe, and collects its problems."""

    def __init__(self, source: RecipeSource, problems: list[Problem], base: ImageBase | None) -> None:
        """`base` replaces the recipe's own."""
        self.problems = problems
        self._source = source
        self._base_override = base
        self._context = RecipeContext(source.file.parent.absolute())
        self._unrendered: set[Position] = set()

    def recipe(self, value: Any) -> Recipe | None:
        if not isinstance(value, dict):
            self._add_problem(
                (), "the recipe is empty" if value is None else "a recipe must be a map with name, base, steps, …"
            )
            return None
        if self._base_override:
            value.pop("base", None)
        variables = value.get("vars")
        variables = variables if isinstance(variables, dict) else {}
        self._context = RecipeContext(self._context.folder, Renderer(variables), variables)
        value |= {key: self._render(value[key], (key,)) for key in RENDERED if key in value}

        steps = self._steps(value.get("steps", []))
        value["steps"] = tuple(step for _, step in steps)
        if "base" in value:
            base = self._base(value["base"])
            if base is not None and base.family is not None:
                self.problems += find_misfits(steps, self._source, base.family, base.family)
            if base is not None and not self._is_unrendered("base"):
                self.problems += base.find_problems("uefi" if value.get("firmware") == "uefi" else "bios")
            # With a placeholder for an invalid base, the rest is checked too.
            value["base"] = base or ImageBase.model_construct(image="")
        if self._base_override:
            value["base"] = self._base_override
        hint = "run `golden schema` to see all options of a recipe"
        recipe = self._validate(value, ValidatedPart(Recipe, (), "the recipe", hint=hint))
        return recipe.read_from(self._source, own_base=self._base_override is None) if recipe else None

    def partial(self, value: dict[str, Any], doubt: Callable[[Any], str | None]) -> PartialRecipe:
        """The valid steps and the seal, and for every other step the reason why it is skipped."""
        variables = value.get("vars")
        variables = variables if isinstance(variables, dict) else {}
        self._context = RecipeContext(self._context.folder, Renderer(variables), variables)
        found: list[Step] = []
        skipped = []
        items = value.get("steps")
        for index, item in enumerate(items if isinstance(items, list) else []):
            before = len(self.problems)
            rendered = self._render(item, ("steps", index))
            step, reason = self._step(index, rendered), doubt(rendered)
            problems = self.problems[before:]
            if step is None or problems or reason:
                where = self._source.problem(("steps", index), "").where
                name = str(next(iter(item), "step")) if isinstance(item, dict) else "step"
                skipped.append((name, where, reason or "; ".join(problem.message for problem in problems)))
            else:
                found.append(step)
        seal = value.get("seal")
        # An audit does not need its script, which may no longer exist.
        options = {key: option for key, option in seal.items() if key != "script"} if isinstance(seal, dict) else {}
        sealed = self._validate(options, ValidatedPart(SealOptions, ("seal",), "seal")) or SealOptions()
        return PartialRecipe(str(value["name"]), password_crypto.set_crypto(tuple(found)), sealed, tuple(skipped))

    def _render(self, value: Any, route: Route) -> Any:
        if isinstance(value, dict):
            return {key: self._render(item, (*route, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._render(item, (*route, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            return self._context.render(value)
        except RenderError as error:
            self._add_problem(route, str(error), error.hint)
            self._unrendered.add(self._source.values[route])
            return value

    def _is_unrendered(self, part: str) -> bool:
        """Whether a string below this key of the recipe could not be rendered."""
        return any(
            position in self._unrendered for route, position in self._source.values.items() if route[:1] == (part,)
        )

    def _steps(self, value: Any) -> list[tuple[int, Step]]:
        """The valid steps, each with its index in the recipe."""
        if not isinstance(value, list):
            self._add_problem(("steps",), "steps: must be a list")
            return []
        found = ((index, self._step(index, item)) for index, item in enumerate(value))
        return [(index, step) for index, step in found if step is not None]

    def _step(self, index: int, item: Any) -> Step | None:
        route: Route = ("steps", index)
        if not isinstance(item, dict) or not item:
            hint = f"write `{item}: …`" if isinstance(item, str) and item in registry() else STEPS_HINT
            self._add_problem(route, "a step must be a map with one key, the step's name", hint)
            return None
        name, *others = item
        for other in others:
            self._add_problem((*route, other), f'the step {name} has a second key "{other}"', ONE_KEY_HINT, key=True)
        step = registry().get(name)
        if step is None:
            self._add_problem((*route, name), _unknown_step(name), STEPS_HINT, key=True)
            return None
        value = item[name]
        shorthand = None if isinstance(value, dict) else step.shorthand
        hint = f"run `golden steps {name}` to see its options"
        subject = ValidatedPart(step, (*route, name), name, shorthand, hint)
        return self._validate(value, subject)

    def _base(self, value: Any) -> Base | None:
        route: Route = ("base",)
        *others, last = BASES
        known = f"{', '.join(others)} or {last}"
        if not isinstance(value, dict):
            self._add_problem(route, f"base: must be a map with {known}")
            return None
        kinds = [key for key in value if key in BASES]
        if len(kinds) == 1:
            if isinstance(value.get("image"), str):
                self._check_image(ImageBase.model_construct(image=value["image"]))
            subject = ValidatedPart(BASES[kinds[0]], route, "base", hint=BASE_HINT)
            return self._check_files(self._validate(value, subject))
        for kind in kinds[1:]:
            message = f"a base can have only one kind; this one already has {kinds[0]}"
            self._add_problem((*route, kind), message, "remove one of them", key=True)
        if not kinds:
            for key in value:
                message = f'unknown kind of base "{key}"{did_you_mean(key, BASES)}'
                self._add_problem((*route, key), message, f"use {known}", key=True)
            if not value:
                self._add_problem(route, f"base: must have {known}", BASE_HINT)
        return None

    def _check_files(self, base: Base | None) -> Base | None:
        """The same base; adds a problem for each file of this host that it names and cannot use."""
        for below, message in base.find_bad_files(self._context.folder) if base else ():
            route: Route = ("base", *below)
            if self._source.values[route] not in self._unrendered:
                self._add_problem(route, message)
        return base

    def _check_image(self, base: ImageBase) -> None:
        route: Route = ("base", "image")
        if base.is_url or self._source.values[route] in self._unrendered:
            return
        if "://" in base.image:
            self._add_problem(route, "the URL of a base image must start with http:// or https://")
            return
        try:
            base.path(self._context.folder)
        except RequestError as error:
            self._add_problem(route, error.message)
        except OSError as error:
            self._add_problem(route, f"cannot read the base image: {error.strerror}")

    def _validate(self, value: Any, subject: ValidatedPart[Model]) -> Model | None:
        try:
            return subject.model.model_validate(value, context=self._context)
        except ValidationError as error:
            found = explain(error, subject, self._source)
            # A string that could not be rendered has a problem already.
            self.problems += [problem for problem in found if (problem.line, problem.column) not in self._unrendered]
            return None

    def _add_problem(self, route: Route, message: str, hint: str | None = None, *, key: bool = False) -> None:
        self.problems.append(self._source.problem(route, message, hint, key=key))


@functools.lru_cache(1000)
def _unknown_step(name: str) -> str:
    return f'unknown step "{name}"{did_you_mean(name, registry())}'
