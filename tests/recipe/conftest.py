from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builder.errors import RecipeError
from builder.recipe import Recipe, load

Load = Callable[[str | bytes], Recipe]
FindProblems = Callable[[str | bytes], list[str]]

BASE = "base: {bootstrap: {distribution: debian, release: bookworm}}"
"""A valid base for recipes whose base does not matter."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the recipe, with files that it may name."""
    (tmp_path / "disk.img").write_text("a disk")
    (tmp_path / "key.asc").write_text("a key")
    return tmp_path


@pytest.fixture
def load_text(folder: Path) -> Load:
    """Load a recipe from text or bytes."""

    def load_text(text: str | bytes) -> Recipe:
        file = folder / "recipe.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return load(file)

    return load_text


@pytest.fixture
def find_problems(load_text: Load, folder: Path) -> FindProblems:
    """All problems of a recipe, as `line:column: message`, without the folder's name."""

    def find_problems(text: str | bytes) -> list[str]:
        try:
            load_text(text)
        except RecipeError as error:
            lines = [f"{problem.line}:{problem.column}: {problem.message}" for problem in error.problems]
            return [text.replace(f"{folder}", "FOLDER") for text in lines]
        return []

    return find_problems
