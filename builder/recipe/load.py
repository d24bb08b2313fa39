"""A recipe's file to a Recipe, or to all its problems at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from builder.bases import Base, ImageBase
from builder.errors import Problem, RecipeError, RequestError, did_you_mean
from builder.inputs import RecipeContext
from builder.recipe.explain import Model, ValidatedPart, explain
from builder.recipe.fits import find_misfits
from builder.recipe.graph import find_cycle_problems
from builder.recipe.model import BASES, Recipe, SealOptions
from builder.recipe.parse import parse
from builder.recipe.positions import Position, RecipeSource, Route
from builder.recipe.text import read_text
from builder.render import Renderer, RenderError
from builder.steps import Step, password_crypto, registry

RENDERED = ("summary", "base", "media", "steps", "domain", "verify")
"""The parts of a recipe whose strings may use variables."""

STEPS_HINT = "`golden steps` lists all steps"
ONE_KEY_HINT = 'every step begins with "- ", and its options are indented below its name'


def load(path: Path, *, base: Path | None = None) -> Recipe:
    """Read a recipe and check all that can be checked without a guest. Raises RecipeError with every problem.

    `base` is a disk image to start from instead of the recipe's own base, which is then not looked
    at. Raises RequestError where there is no such file.
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
        # What stands behind an alias is read, and found wrong, more than once.
        raise RecipeError(list(dict.fromkeys(loader.problems)))
    return recipe


@dataclass(frozen=True, slots=True)
class PartialRecipe:
    """What can be had of a recipe without its input files and secrets: enough to prove something from a disk.

    `skipped` are the steps that cannot: name, place, and why.
    """

    name: str
    steps: tuple[Step, ...]
    seal: SealOptions
    skipped: tuple[tuple[str, str, str], ...] = ()


def load_partly(path: Path, *, doubt: Callable[[Any], str | None] = lambda step: None) -> PartialRecipe:
    """Read of a recipe whatever is right and there. Raises RecipeError where it is no recipe at all.

    `doubt` tells why a step, as it stands in the file, is to be skipped nevertheless.
    """
    value, source, problems = parse(read_text(path), path)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise RecipeError([*problems, source.problem((), "not a recipe: it has no name")])
    return _Loader(source, problems, None).partial(value, doubt)


class _Loader:
    """Collects the problems of one recipe while it becomes a Recipe."""

    def __init__(self, source: RecipeSource, problems: list[Problem], base: ImageBase | None) -> None:
        """`base` stands in for the recipe's own."""
        self.problems = problems
        self._source = source
        self._other_base = base
        self._place = RecipeContext(source.file.parent.absolute())
        self._unrendered: set[Position] = set()

    def recipe(self, value: Any) -> Recipe | None:
        if not isinstance(value, dict):
            self._complain((), "the recipe is empty" if value is None else "a recipe is a map: name, base, steps, …")
            return None
        if self._other_base:
            value.pop("base", None)
        variables = value.get("vars")
        variables = variables if isinstance(variables, dict) else {}
        self._place = RecipeContext(self._place.folder, Renderer(variables), variables)
        value |= {key: self._render(value[key], (key,)) for key in RENDERED if key in value}

        steps = self._steps(value.get("steps", []))
        value["steps"] = tuple(step for _, step in steps)
        if "base" in value:
            base = self._base(value["base"])
            if base is not None and base.family is not None:
                self.problems += find_misfits(steps, self._source, base.family, base.family)
            if base is not None and not self._is_unrendered("base"):
                self.problems += base.find_problems("uefi" if value.get("firmware") == "uefi" else "bios")
            # A stand-in for a base that is wrong, so that the rest is checked too.
            value["base"] = base or ImageBase.model_construct(image="")
        if self._other_base:
            value["base"] = self._other_base
        hint = "`golden schema` has all options of a recipe"
        recipe = self._validate(value, ValidatedPart(Recipe, (), "the recipe", hint=hint))
        return recipe.read_from(self._source, own_base=self._other_base is None) if recipe else None

    def partial(self, value: dict[str, Any], doubt: Callable[[Any], str | None]) -> PartialRecipe:
        """What is right of the steps and the seal; it is said of each other step why it is not."""
        variables = value.get("vars")
        variables = variables if isinstance(variables, dict) else {}
        self._place = RecipeContext(self._place.folder, Renderer(variables), variables)
        found: list[Step] = []
        skipped = []
        items = value.get("steps")
        for index, item in enumerate(items if isinstance(items, list) else []):
            before = len(self.problems)
            rendered = self._render(item, ("steps", index))
            step, why = self._step(index, rendered), doubt(rendered)
            wrong = self.problems[before:]
            if step is None or wrong or why:
                where = self._source.problem(("steps", index), "").where
                name = str(next(iter(item), "step")) if isinstance(item, dict) else "step"
                skipped.append((name, where, why or "; ".join(problem.message for problem in wrong)))
            else:
                found.append(step)
        asked = value.get("seal")
        # Its script, a file that may be gone, has no proof.
        options = {key: option for key, option in asked.items() if key != "script"} if isinstance(asked, dict) else {}
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
            return self._place.render(value)
        except RenderError as error:
            self._complain(route, str(error), error.hint)
            self._unrendered.add(self._source.values[route])
            return value

    def _is_unrendered(self, part: str) -> bool:
        """Whether a string below this key of the recipe could not be rendered."""
        return any(mark in self._unrendered for route, mark in self._source.values.items() if route[:1] == (part,))

    def _steps(self, value: Any) -> list[tuple[int, Step]]:
        """The steps that are right, each with its index in the recipe."""
        if not isinstance(value, list):
            self._complain(("steps",), "steps: must be a list")
            return []
        found = ((index, self._step(index, item)) for index, item in enumerate(value))
        return [(index, step) for index, step in found if step is not None]

    def _step(self, index: int, item: Any) -> Step | None:
        route: Route = ("steps", index)
        if not isinstance(item, dict) or not item:
            hint = f"write `{item}: …`" if isinstance(item, str) and item in registry() else STEPS_HINT
            self._complain(route, "a step is a map of one key, the step's name", hint)
            return None
        name, *others = item
        for other in others:
            self._complain((*route, other), f'a second key "{other}" in the step {name}', ONE_KEY_HINT, key=True)
        step = registry().get(name)
        if step is None:
            self._complain((*route, name), _unknown_step(name), STEPS_HINT, key=True)
            return None
        value = item[name]
        shorthand = None if isinstance(value, dict) else step.shorthand
        subject = ValidatedPart(step, (*route, name), name, shorthand, hint=f"`golden steps {name}` has its options")
        return self._validate(value, subject)

    def _base(self, value: Any) -> Base | None:
        route: Route = ("base",)
        *others, last = BASES
        known = f"{', '.join(others)} or {last}"
        if not isinstance(value, dict):
            self._complain(route, f"base: must be a map with {known}")
            return None
        kinds = [key for key in value if key in BASES]
        if len(kinds) == 1:
            if isinstance(value.get("image"), str):
                self._find_image(ImageBase.model_construct(image=value["image"]))
            return self._find_files(self._validate(value, ValidatedPart(BASES[kinds[0]], route, "base")))
        for kind in kinds[1:]:
            self._complain((*route, kind), f"a base is of one kind; this one has {kinds[0]} already", key=True)
        if not kinds:
            for key in value:
                message = f'unknown kind of base "{key}"{did_you_mean(key, BASES)}'
                self._complain((*route, key), message, f"a base has {known}", key=True)
            if not value:
                self._complain(route, f"base: must have {known}")
        return None

    def _find_files(self, base: Base | None) -> Base | None:
        """The base; what is wrong with the host's files that it names is a problem each."""
        for below, message in base.find_bad_files(self._place.folder) if base else ():
            route: Route = ("base", *below)
            if self._source.values[route] not in self._unrendered:
                self._complain(route, message)
        return base

    def _find_image(self, base: ImageBase) -> None:
        route: Route = ("base", "image")
        if base.is_url or self._source.values[route] in self._unrendered:
            return
        if "://" in base.image:
            self._complain(route, "the URL of a base image begins with http:// or https://")
            return
        try:
            base.path(self._place.folder)
        except RequestError as error:
            self._complain(route, error.message)
        except OSError as error:
            self._complain(route, f"cannot look at the base image: {error.strerror}")

    def _validate(self, value: Any, subject: ValidatedPart[Model]) -> Model | None:
        try:
            return subject.model.model_validate(value, context=self._place)
        except ValidationError as error:
            found = explain(error, subject, self._source)
            # What could not be rendered has its problem already.
            self.problems += [problem for problem in found if (problem.line, problem.column) not in self._unrendered]
            return None

    def _complain(self, route: Route, message: str, hint: str | None = None, *, key: bool = False) -> None:
        self.problems.append(self._source.problem(route, message, hint, key=key))


@functools.lru_cache(1000)
def _unknown_step(name: str) -> str:
    return f'unknown step "{name}"{did_you_mean(name, registry())}'
