"""The recipes that one stands on, before it is built."""

from __future__ import annotations

from builder import digest
from builder.events import Emit, Notice
from builder.paths import Output
from builder.recipe.graph import find_ancestry, kin_of, read_folder
from builder.recipe.load import load
from builder.recipe.model import Recipe
from builder.store import Store


def load_parents(recipe: Recipe, emit: Emit) -> list[Recipe]:
    """The recipes to build before this one, the oldest first, each once; where they end, and why, is said.

    They are found by name in the recipe's folder. Raises RecipeError, with every problem of the first
    that has some, and where a name is that of several.
    """
    ancestry = find_ancestry(kin_of(recipe), read_folder(recipe.file.parent))
    if ancestry.ground:
        text = f"{ancestry.ground} is taken as it is published: {ancestry.reason}"
        emit(Notice(text, warning=ancestry.missing))
    return [load(kin.file) for kin in ancestry.recipes]


def report_edited_parent(recipe: Recipe, output: Output, emit: Emit) -> None:
    """Say so if the recipe's parent was built of another text than its recipe has now. Raises HostError."""
    reference = kin_of(recipe).parent
    if reference is None or not reference.moves:
        return
    published = Store(output.templates).find_channel(reference.template)
    files = [kin.file for kin in read_folder(recipe.file.parent).named(reference.template)]
    if published and len(files) == 1 and published.manifest.recipe.sha256 not in ("", digest.of_file(files[0])):
        emit(Notice(f"{files[0]} was edited after {published} was built of it; --with-parents builds it first"))
