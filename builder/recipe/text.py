"""Reading the text of a recipe's file."""

from __future__ import annotations

import difflib
from pathlib import Path

from builder.errors import Problem, RecipeError
from builder.recipe.parse import position_at

MAX_BYTES = 1 << 20
"""The largest size of a recipe."""

SUFFIXES = (".yaml", ".yml")


def read_text(path: Path) -> str:
    """The whole text. Raises RecipeError; if the file does not exist, the hint names similar recipes."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, "no such recipe", _find_hint(path)) from None
    except IsADirectoryError:
        raise _unreadable(path, "this is a folder, not a recipe", _find_hint(path / "x")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _unreadable(path, f"cannot read the recipe: {reason}") from error
    if len(data) > MAX_BYTES:
        raise _unreadable(path, f"too large for a recipe: the limit is {MAX_BYTES >> 20} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        position = position_at(data[: error.start].decode(), error.start)
        message = f"not UTF-8: byte 0x{data[error.start]:02X}"
        raise RecipeError([Problem(path, position.line, position.column, message, "save the file as UTF-8")]) from error


def _unreadable(path: Path, message: str, hint: str | None = None) -> RecipeError:
    return RecipeError([Problem(path, 1, 1, message, hint)])


def _find_hint(path: Path) -> str | None:
    """A hint that names recipes in the folder of `path`: those with a similar name, or else the first five."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in SUFFIXES)
    except (OSError, ValueError):
        return f"check the path: there is no folder {path.parent}"
    near = [name for name in names if difflib.get_close_matches(path.stem, [Path(name).stem])] or names[:5]
    return f"name one of the recipes in {path.parent}: {', '.join(near)}" if near else None
