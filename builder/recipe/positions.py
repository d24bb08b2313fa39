"""Where each value of a recipe stands in its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from builder.errors import Problem

Route = tuple[str | int, ...]
"""The way to a value from the top of the recipe: keys of maps and indexes of lists."""


class Position(NamedTuple):
    """A place in a text, counted from 1."""

    line: int
    column: int


TOP = Position(1, 1)

LONGEST = 300
"""Characters of a message: what it quotes from the file may be of any length."""


@dataclass(frozen=True, slots=True)
class RecipeSource:
    """A recipe's file, and the place of every value in it, and of every key of its maps, by route."""

    file: Path
    values: dict[Route, Position] = field(default_factory=dict)
    keys: dict[Route, Position] = field(default_factory=dict)

    def problem(self, route: Route, message: str, hint: str | None = None, *, key: bool = False) -> Problem:
        """A problem at a value, or at its key; at the nearest value around it where the route leads nowhere."""
        mark = self.keys.get(route) if key else None
        while mark is None:
            mark = self.values.get(route, None if route else TOP)
            route = route[:-1]
        return make_problem(self.file, mark, message, hint)


def make_problem(file: Path, mark: Position, message: str, hint: str | None = None) -> Problem:
    """A problem at a mark, its message as one line of printable characters."""
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in message[: LONGEST + 1])
    if len(line) > LONGEST:
        line = line[:LONGEST] + "…"
    return Problem(file, mark.line, mark.column, line, hint)
