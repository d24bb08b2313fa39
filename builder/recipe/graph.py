"""The recipes of a folder and their parents, found by name, and the order to build them in."""

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

CYCLE_HINT = "change the base of one of them"


@dataclass(frozen=True, slots=True)
class RecipeSummary:
    """What other recipes need to know of a recipe: its name, and the template that it is based on.

    `position` is where the file names the parent.
    """

    file: Path
    name: str
    parent: Reference | None = None
    position: Position = TOP

    @property
    def path(self) -> Path:
        return self.file.absolute()

    def problem(self, message: str, hint: str | None = None) -> Problem:
        """A problem with the recipe's parent, at its position."""
        return make_problem(self.file, self.position, message, hint)

    def __str__(self) -> str:
        return f"{self.file.name} ({self.name})"


@dataclass(frozen=True, slots=True)
class RecipeFolder:
    """The recipes of a folder. The `unreadable` files may be recipes of any name."""

    recipes: tuple[RecipeSummary, ...] = ()
    unreadable: tuple[Path, ...] = ()

    def named(self, name: str) -> list[RecipeSummary]:
        return [recipe for recipe in self.recipes if recipe.name == name]


@dataclass(frozen=True, slots=True)
class Ancestry:
    """The recipes to build before one of their descendants, the oldest first.

    `published_base` is the published template that the oldest recipe is based on, if golden does not
    build that template too; `reason` says why it does not.
    """

    recipes: tuple[RecipeSummary, ...]
    published_base: Reference | None = None
    reason: str = ""
    missing: bool = False
    """Whether the reason is that there is no recipe for it."""


def read_folder(folder: Path) -> RecipeFolder:
    """The recipes of a folder, in the order of their file names. Skips other YAML. Raises HostError."""
    found: list[RecipeSummary] = []
    unreadable: list[Path] = []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    except OSError as error:
        raise HostError(
            f"cannot list the recipes in {folder}",
            details=str(error),
            hint="check the path and the folder's permissions",
        ) from error
    for file in files:
        try:
            recipe = find_summary(file)
        except RecipeError:
            unreadable.append(file)
        else:
            found += [recipe] if recipe else []
    return RecipeFolder(tuple(found), tuple(unreadable))


def find_summary(file: Path) -> RecipeSummary | None:
    """Read only a recipe's name and parent; None for YAML without a name.

    `load` reports all other problems. Raises RecipeError if the file cannot be read or is not YAML.
    """
    value, source, _ = parse(read_text(file), file)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    base, variables = value.get("base"), value.get("vars")
    template = base.get("template") if isinstance(base, dict) else None
    parent = find_parent(template, variables if isinstance(variables, dict) else {})
    return RecipeSummary(file, value["name"], parent, parent_position(source))


def summarize(recipe: Recipe) -> RecipeSummary:
    """The summary of a loaded recipe."""
    parent = recipe.base.reference if isinstance(recipe.base, TemplateBase) else None
    return RecipeSummary(recipe.file, recipe.name, parent, parent_position(recipe.source))


def find_parent(template: Any, variables: dict[str, Any]) -> Reference | None:
    """The reference in a recipe's `template:`; None if there is none or it is invalid."""
    try:
        return Reference.parse(Renderer(variables)(template)) if isinstance(template, str) else None
    except (RenderError, ValueError):
        return None


def parent_position(source: RecipeSource) -> Position:
    """Where a recipe names its parent."""
    return source.values.get(("base", "template"), TOP)


def find_cycle(recipe: RecipeSummary, others: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    """The cycle of parents that `recipe` is part of or leads to; empty if there is none.

    It begins with `recipe` if that is part of it. If several recipes have the name of a parent, all of
    them are followed.
    """
    recipes = _with(recipe, others)
    try:
        _sorter(_reachable(recipe, recipes)).prepare()
    except CycleError as error:
        cycle = _read_cycle(error)
        begin = cycle.index(recipe) if recipe in cycle else 0
        return cycle[begin:] + cycle[:begin]
    return []


def find_cycle_problems(recipe: Recipe) -> Iterator[Problem]:
    """The problem of a recipe whose parents form a cycle, judged by the recipes in its folder. Raises HostError."""
    summary = summarize(recipe)
    if summary.parent and (cycle := find_cycle(summary, read_folder(summary.file.parent).recipes)):
        yield summary.problem(describe_cycle(cycle), CYCLE_HINT)


def sort_by_parent(recipes: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    """The recipes sorted so that each follows its parents; the same recipes always give the same order.

    Raises RecipeError for a cycle, and names all its recipes.
    """
    try:
        return [*_sorter(list(recipes)).static_order()]
    except CycleError as error:
        raise cycle_error(_read_cycle(error)) from None


def cycle_error(cycle: Sequence[RecipeSummary], at: RecipeSummary | None = None) -> RecipeError:
    """The error for a cycle, at the position of `at`, or else of its first recipe."""
    return RecipeError([(at or cycle[0]).problem(describe_cycle(cycle), CYCLE_HINT)])


def describe_cycle(cycle: Sequence[RecipeSummary]) -> str:
    if len(cycle) == 1:
        return f"the recipe is based on its own template: {cycle[0]}"
    chain = ", which is based on ".join(map(str, [*cycle[1:], cycle[0]]))
    return f"recipes are based on each other in a cycle: {cycle[0]} is based on {chain}"


def find_ancestry(recipe: RecipeSummary, folder: RecipeFolder) -> Ancestry:
    """The recipes to build first, because their build changes the template that `recipe` is based on.

    Raises RecipeError for a cycle, and if several recipes have the name of a parent.
    """
    if cycle := find_cycle(recipe, folder.recipes):
        raise cycle_error(cycle, recipe)
    ancestors: list[RecipeSummary] = []
    child = recipe
    while parent := child.parent:
        if not parent.moves:
            return Ancestry(tuple(ancestors), parent, f"a build of {parent.template} does not move {parent}")
        found = folder.named(parent.template)
        if len(found) > 1:
            names = ", ".join(other.file.name for other in found)
            message = f"several recipes in this folder are named {parent.template}: {names}"
            raise RecipeError([child.problem(message, "build the right one first, then leave out --with-parents")])
        if not found:
            unreadable = ", ".join(file.name for file in folder.unreadable)
            reason = f"no recipe in {recipe.path.parent} is named {parent.template}"
            reason += f"; cannot read: {unreadable}" if unreadable else ""
            return Ancestry(tuple(ancestors), parent, reason, missing=True)
        (child,) = found
        ancestors.insert(0, child)
    return Ancestry(tuple(ancestors))


def _with(recipe: RecipeSummary, others: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    """A recipe and the others; the recipe replaces what the folder's file says of it."""
    return [recipe, *(other for other in others if other.path != recipe.path)]


def _parents(recipe: RecipeSummary, recipes: Iterable[RecipeSummary]) -> list[RecipeSummary]:
    return [other for other in recipes if recipe.parent and other.name == recipe.parent.template]


def _reachable(recipe: RecipeSummary, recipes: Sequence[RecipeSummary]) -> list[RecipeSummary]:
    """A recipe and all its ancestors."""
    found = [recipe]
    for each in found:  # the list grows while it is read
        found += [other for other in _parents(each, recipes) if other not in found]
    return found


def _sorter(recipes: Sequence[RecipeSummary]) -> TopologicalSorter[RecipeSummary]:
    return TopologicalSorter({recipe: _parents(recipe, recipes) for recipe in recipes})


def _read_cycle(error: CycleError) -> list[RecipeSummary]:
    """The cycle that graphlib found: each recipe once, followed by its parent."""
    found: list[RecipeSummary] = error.args[1][:-1]
    return found[::-1]
