"""The position of each value of a recipe in its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from builder.errors import Problem

Route = tuple[str | int, ...]
"""The path to a value from the top of the recipe: keys of maps and indexes of lists."""


class Position(NamedTuple):
    """A position in a text, counted from 1."""

    line: int
    column: int


TOP = Position(1, 1)

LONGEST = 300
"""The most characters of a message; text that it quotes from the file may be longer."""


@dataclass(frozen=True, slots=True)
class RecipeSource:
    """A recipe's file, and the position of every value in it and of every key of its maps, by route."""

    file: Path
    values: dict[Route, Position] = field(default_factory=dict)
    keys: dict[Route, Position] = field(default_factory=dict)

    def problem(self, route: Route, message: str, hint: str | None = None, *, key: bool = False) -> Problem:
        """A problem at a value, or at its key. If the file has no such value, at the nearest one around it."""
        position = self.keys.get(route) if key else None
        while position is None:
            position = self.values.get(route, None if route else TOP)
            route = route[:-1]
        return make_problem(self.file, position, message, hint)


def make_problem(file: Path, position: Position, message: str, hint: str | None = None) -> Problem:
    """A problem with its message as one line of printable characters."""
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in message[: LONGEST + 1])
    if len(line) > LONGEST:
        line = line[:LONGEST] + "…"
    return Problem(file, position.line, position.column, line, hint)
