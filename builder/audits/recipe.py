"""Finds the recipe to audit a disk against."""

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
"""The folder, relative to the current one, that is searched for a version's recipe."""


@dataclass(frozen=True, slots=True)
class AuditedRecipe:
    """A recipe, as far as it can be read, and its file. `doubt` says why it may be the wrong one."""

    file: Path
    recipe: PartialRecipe
    doubt: str | None = None


def find_promises(file: Path | None, version: Version | None) -> AuditedRecipe:
    """The recipe in `file`; without `file`, the version's own recipe.

    That is the original in RECIPES, beside its input files, if its text is unchanged; else the version's
    copy. Raises RequestError if there is neither.
    """
    if file is not None:
        recipe = load_partly(file)
        other = version is not None and recipe.name != version.template
        return AuditedRecipe(
            file, recipe, f"{file} is the recipe of {recipe.name}, not of {version}" if other else None
        )
    if version is None:
        raise RequestError(
            "cannot tell which recipe this disk was built from", hint="pass the recipe with --recipe FILE"
        )
    original = find_by_name(version.template)
    sha256 = version.manifest.recipe.sha256
    if original and digest.of_file(original) == sha256:
        return AuditedRecipe(original, load_partly(original))
    if version.recipe_file.exists():
        return AuditedRecipe(version.recipe_file, load_partly(version.recipe_file, doubt=_doubt_hidden))
    if original:
        doubt = f"{original} was edited after {version} was built, and {version} has no copy of its recipe"
        return AuditedRecipe(original, load_partly(original), doubt)
    raise RequestError(
        f"no recipe found for {version}",
        details=f"the version has no copy of its recipe, and no recipe in {RECIPES}/ is named {version.template}",
        hint="pass the recipe with --recipe FILE",
    )


def find_by_name(template: str) -> Path | None:
    """The only recipe of that name in RECIPES; None if there is none, or several."""
    if not RECIPES.is_dir():
        return None
    found = read_folder(RECIPES).named(template)
    return found[0].file if len(found) == 1 else None


def _doubt_hidden(step: Any) -> str | None:
    return "the version's copy of the recipe hides the password in its URL" if hides_password(step) else None
