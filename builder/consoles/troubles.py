"""Finds the sentences on a console that mean that a machine cannot continue."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence as a regular expression, what it means, and what to do about it.

    `{what}` in `reason` is replaced by the text of the pattern's group of that name, if it has one.
    """

    pattern: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class FoundTrouble:
    """A trouble that the console shows, with `{what}` filled in."""

    reason: str
    hint: str


class TroubleFinder:
    """Searches a console for troubles; the first one in the list wins."""

    def __init__(self, troubles: Sequence[Trouble], lines: int = 1) -> None:
        """`lines` is how many lines a sentence may be wrapped over."""
        self._troubles = [(re.compile(trouble.pattern), trouble) for trouble in troubles]
        self._lines: deque[str] = deque(maxlen=lines)

    def find(self, line: str) -> FoundTrouble | None:
        """The trouble in the last lines, of which `line` is the newest."""
        self._lines.append(line)
        return self.find_in(" ".join(self._lines))

    def find_pending(self, line: str) -> FoundTrouble | None:
        """The same for a line that is not complete yet."""
        return self.find_in(" ".join([*self._lines, line]))

    def find_in(self, text: str) -> FoundTrouble | None:
        """The trouble in this text alone."""
        for pattern, trouble in self._troubles:
            if match := pattern.search(text):
                what = (match.groupdict().get("what") or "").strip()
                return FoundTrouble(trouble.reason.format(what=what).strip(), trouble.hint)
        return None
