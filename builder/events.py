"""The one event stream: the core reports what happens, and the listener decides how to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ran", "cached"]


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """An action of the plan (or one phase of it) begins. `title` is one short line."""

    title: str


@dataclass(frozen=True, slots=True)
class ActionFinished:
    title: str
    status: Status
    seconds: float


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line that a command printed, on the host or in the guest."""

    line: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know; a `warning` if it costs them something."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice that golden made, and why; `--verbose` shows it, and build.log keeps it."""

    choice: str
    reason: str

    def __str__(self) -> str:
        return f"{self.choice}: {self.reason}"


Event = ActionStarted | ActionFinished | OutputLine | Notice | Decision
Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that ignores everything."""
