"""Which recipe stands on which: those of a folder, found by name, and the order to build them in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from builder.bases import TemplateBase
from builder.errors import HostError, Problem, RecipeError
from builder.recipe.model import Recipe
from builder.recipe.parse import parse
from builder.recipe.positions import TOP, Position, RecipeSource, make_problem
from builder.recipe.text import SUFFIXES, read_text
from builder.render import Renderer, RenderError
from builder.store.reference import Reference

CIRCLE_HINT = "one of them needs another base"


@dataclass(frozen=True, slots=True)
class RecipeSummary:
    """A recipe as far as others matter to it: its name, and the template that it stands on.

    `mark` is where its base is named in the file.
    """

    file: Path
    name: str
    parent: Reference | None = None
    mark: Position = TOP

    @property
    def place(self) -> Path:
        return self.file.absolute()

    def problem(self, message: str, hint: str | None = None) -> Problem:
        """A problem with the recipe's parent, at its place."""
        return make_problem(self.file, self.mark, message, hint)

    def __str__(self) -> str:
        return f"{self.file.name} ({self.name})"


@dataclass(frozen=True, slots=True)
class RecipeFolder:
    """The recipes of a folder. The `unreadable` files may be recipes, but nobody can tell whose."""

    recipes: tuple[RecipeSummary, ...] = ()
    unreadable: tuple[Path, ...] = ()

    def named(self, name: str) -> list[RecipeSummary]:
        return [kin for kin in self.recipes if kin.name == name]


@dataclass(frozen=True, slots=True)
class Ancestry:
    """The recipes that are to be built before one of their descendants, the oldest first.

    `ground` is the published template that the oldest of all stands on, if it is one that is not
    built as well, and `reason` is why it is not.
    """

    recipes: tuple[RecipeSummary, ...]
    ground: Reference | None = None
    reason: str = ""
    missing: bool = False
    """Whether that is for want of its recipe."""


def read_folder(folder: Path) -> RecipeFolder:
    """The recipes of a folder, in the order of their files' names. Other YAML is passed over. Raises HostError."""
    found: list[RecipeSummary] = []
    unreadable: list[Path] = []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    except OSError as error:
        raise HostError(f"the recipes of {folder} cannot be listed", details=str(error)) from error
    for file in files:
        try:
            kin = read_kin(file)
        except RecipeError:
            unreadable.append(file)
        else:
            found += [kin] if kin else []
    return RecipeFolder(tuple(found), tuple(unreadable))


def read_kin(file: Path) -> RecipeSummary | None:
    """Read no more of a recipe than its name and its parent; None for YAML that has no such name.

    What else is wrong with it, `load` tells. Raises RecipeError where it cannot be read.
    """
    value, source, _ = parse(read_text(file), file)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    base, variables = value.get("base"), value.get("vars")
    named = base.get("template") if isinstance(base, dict) else None
    parent = find_parent(named, variables if isinstance(variables, dict) else {})
    return RecipeSummary(file, value["name"], parent, mark_of_parent(source))


def kin_of(recipe: Recipe) -> RecipeSummary:
    """A recipe that was loaded."""
    parent = recipe.base.reference if isinstance(recipe.base, TemplateBase) else None
    return RecipeSummary(recipe.file, recipe.name, parent, mark_of_parent(recipe.source))


def find_parent(named: Any, variables: dict[str, Any]) -> Reference | None:
    """What a recipe's `template:` means; None where it has none, or no right one."""
    try:
        return Reference.parse(Renderer(variables)(named)) if isinstance(named, str) else None
    except (RenderError, ValueError):
        return None


def mark_of_parent(source: RecipeSource) -> Position:
    """Where a recipe names its parent."""
    return source.values.get(("base", "template"), TOP)


def find_cycle(recipe: RecipeSummary, others: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    """The circle of recipes that stand on each other that `recipe` is part of or leads to; empty without one.

    It begins with `recipe` where that is part of it. Where several have the name of a parent, each of
    them is followed.
    """
    family = _with(recipe, others)
    try:
        _sorter(_reachable(recipe, family)).prepare()
    except CycleError as error:
        circle = _circle(error)
        begin = circle.index(recipe) if recipe in circle else 0
        return circle[begin:] + circle[:begin]
    return []


def find_cycle_problems(recipe: Recipe) -> Iterator[Problem]:
    """The problem of a recipe with a circle above it, as far as its folder's recipes tell. Raises HostError."""
    kin = kin_of(recipe)
    if kin.parent and (circle := find_cycle(kin, read_folder(kin.file.parent).recipes)):
        yield kin.problem(describe_cycle(circle), CIRCLE_HINT)


def in_order(recipes: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    """The recipes so that each comes after those that it stands on; always the same order for the same ones.

    Raises RecipeError for a circle, with all recipes of it.
    """
    family = list(recipes)
    try:
        return [*_sorter(family).static_order()]
    except CycleError as error:
        raise cycle_error(_circle(error)) from None


def cycle_error(circle: Sequence[RecipeSummary], at: RecipeSummary | None = None) -> RecipeError:
    """The refusal of a circle, at the place of `at`, else of its first recipe."""
    return RecipeError([(at or circle[0]).problem(describe_cycle(circle), CIRCLE_HINT)])


def describe_cycle(circle: Sequence[RecipeSummary]) -> str:
    if len(circle) == 1:
        return f"the recipe stands on its own template: {circle[0]}"
    chain = " stands on ".join(map(str, [*circle, circle[0]]))
    return f"recipes stand on each other in a circle: {chain}"


def find_ancestry(recipe: RecipeSummary, kindred: RecipeFolder) -> Ancestry:
    """The recipes whose building moves what `recipe` stands on.

    Raises RecipeError for a circle, and where several recipes have the name of a parent.
    """
    if circle := find_cycle(recipe, kindred.recipes):
        raise cycle_error(circle, recipe)
    above: list[RecipeSummary] = []
    kin = recipe
    while parent := kin.parent:
        if not parent.moves:
            return Ancestry(tuple(above), parent, f"building {parent.template} does not move {parent}")
        found = kindred.named(parent.template)
        if len(found) > 1:
            names = ", ".join(other.file.name for other in found)
            message = f"several recipes of the folder have the name {parent.template}: {names}"
            raise RecipeError([kin.problem(message, "build the right one first, and leave out --with-parents")])
        if not found:
            lost = ", ".join(file.name for file in kindred.unreadable)
            reason = f"no recipe in {recipe.place.parent} has the name {parent.template}"
            return Ancestry(tuple(above), parent, f"{reason}; not readable: {lost}" if lost else reason, missing=True)
        (kin,) = found
        above.insert(0, kin)
    return Ancestry(tuple(above))


def _with(recipe: RecipeSummary, others: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    """A recipe, which is known better than its folder knows it, and the others."""
    return [recipe, *(other for other in others if other.place != recipe.place)]


def _parents(kin: RecipeSummary, family: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    return [other for other in family if kin.parent and other.name == kin.parent.template]


def _reachable(recipe: RecipeSummary, family: Sequence[RecipeSummary]) -> list[RecipeSummary]:
    """A recipe and all that it stands on."""
    found = [recipe]
    for kin in found:  # which grows meanwhile
        found += [other for other in _parents(kin, family) if other not in found]
    return found


def _sorter(family: Sequence[RecipeSummary]) -> TopologicalSorter[RecipeSummary]:
    return TopologicalSorter({kin: _parents(kin, family) for kin in family})


def _circle(error: CycleError) -> list[RecipeSummary]:
    """The circle that graphlib found, each of its recipes once, and each before the one that it stands on."""
    found: list[RecipeSummary] = error.args[1][:-1]
    return found[::-1]
