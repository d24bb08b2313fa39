"""The recipes that a recipe is based on, to be built before it."""

from __future__ import annotations

from builder import digest
from builder.events import Emit, Notice
from builder.paths import Output
from builder.recipe.graph import find_ancestry, read_folder, summarize
from builder.recipe.load import load
from builder.recipe.model import Recipe
from builder.store import Store


def load_parents(recipe: Recipe, emit: Emit) -> list[Recipe]:
    """The recipes to build before this one, the oldest first; emits where the chain of parents ends, and why.

    Finds them by name in the recipe's folder. Raises RecipeError with every problem of the first recipe
    that has any, and if several recipes have the name of a parent.
    """
    ancestry = find_ancestry(summarize(recipe), read_folder(recipe.file.parent))
    if ancestry.published_base:
        text = f"using {ancestry.published_base} as published: {ancestry.reason}"
        emit(Notice(text, warning=ancestry.missing))
    return [load(parent.file) for parent in ancestry.recipes]


def report_edited_parent(recipe: Recipe, output: Output, emit: Emit) -> None:
    """Emit a notice if the parent's recipe was edited after the parent was built. Raises HostError."""
    reference = summarize(recipe).parent
    if reference is None or not reference.moves:
        return
    published = Store(output.templates).find_channel(reference.template)
    files = [parent.file for parent in read_folder(recipe.file.parent).named(reference.template)]
    if published and len(files) == 1 and published.manifest.recipe.sha256 not in ("", digest.of_file(files[0])):
        emit(Notice(f"{files[0]} was edited after {published} was built; add --with-parents to build it first"))
