"""The text of a recipe's file."""

from __future__ import annotations

import difflib
from pathlib import Path

from builder.errors import Problem, RecipeError
from builder.recipe.parse import find_mark

MAX_BYTES = 1 << 20
"""A recipe larger than this is none."""

SUFFIXES = (".yaml", ".yml")


def read_text(path: Path) -> str:
    """The whole text. Raises RecipeError, with the recipes near where there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refusal(path, "no such recipe", _find_near(path)) from None
    except IsADirectoryError:
        raise _refusal(path, "a folder, not a recipe", _find_near(path / "x")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _refusal(path, f"cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise _refusal(path, f"larger than {MAX_BYTES >> 20} MiB: not a recipe")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        mark = find_mark(data[: error.start].decode(), error.start)
        message = f"not UTF-8: the byte 0x{data[error.start]:02X}"
        raise RecipeError([Problem(path, mark.line, mark.column, message)]) from error


def _refusal(path: Path, message: str, hint: str | None = None) -> RecipeError:
    return RecipeError([Problem(path, 1, 1, message, hint)])


def _find_near(path: Path) -> str | None:
    """A hint that names the recipes near a path: of like name, else all of its folder (a few)."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in SUFFIXES)
    except (OSError, ValueError):
        return f"there is no folder {path.parent} either"
    near = [name for name in names if difflib.get_close_matches(path.stem, [Path(name).stem])] or names[:5]
    return f"that folder has {', '.join(near)}" if near else None
