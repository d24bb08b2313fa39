"""Which recipe a disk is held to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder import digest
from builder.attestations.recipe import hides_password
from builder.errors import RequestError
from builder.recipe.graph import read_folder
from builder.recipe.load import PartialRecipe, load_partly
from builder.store import Version

RECIPES = Path("recipes")
"""The folder, below the current one, in which a version's recipe is looked for."""


@dataclass(frozen=True, slots=True)
class AuditedRecipe:
    """A recipe, as far as it can be read now, and its file. `doubt` is why it may not be the right one."""

    file: Path
    recipe: PartialRecipe
    doubt: str | None = None


def find_promises(file: Path | None, version: Version | None) -> AuditedRecipe:
    """The recipe that was named; else the version's own.

    That is best read where it was built from, among its input files, if it still has the same text; else
    from the version's copy. Raises RequestError where there is none.
    """
    if file is not None:
        recipe = load_partly(file)
        other = version is not None and recipe.name != version.template
        return AuditedRecipe(
            file, recipe, f"{file} is the recipe of {recipe.name}, and not of {version}" if other else None
        )
    if version is None:
        raise RequestError("nobody can tell which recipe that disk was built of", hint="name it: --recipe FILE")
    there = find_by_name(version.template)
    sha256 = version.manifest.recipe.sha256
    if there and digest.of_file(there) == sha256:
        return AuditedRecipe(there, load_partly(there))
    if version.recipe_file.exists():
        return AuditedRecipe(version.recipe_file, load_partly(version.recipe_file, doubt=_doubt_hidden))
    if there:
        why = f"{there} was edited after {version} was built of it, and {version} has no copy"
        return AuditedRecipe(there, load_partly(there), why)
    raise RequestError(
        f"there is no recipe of {version}",
        details=f"it has no copy of its own, and no recipe in {RECIPES}/ has the name {version.template}",
        hint="name it: --recipe FILE",
    )


def find_by_name(template: str) -> Path | None:
    """The one recipe of that name in RECIPES; None where there is none, or several."""
    if not RECIPES.is_dir():
        return None
    found = read_folder(RECIPES).named(template)
    return found[0].file if len(found) == 1 else None


def _doubt_hidden(step: Any) -> str | None:
    return "the version's copy of the recipe lacks its URL's password" if hides_password(step) else None
