"""The journal of a build: what each action did, and what was decided."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from builder.events import ActionFinished, ActionStarted, Decision, Emit, Event, OutputLine, Status
from builder.layers import Layer
from builder.plan import Action, Plan


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How an action went.

    `seconds` are 0 for an action from the cache. `log` is what its commands printed. `observations` are what it saw
    upstream: the URL of each index, and its digest, None if it could not be read.
    """

    action: Action
    status: Status
    seconds: float
    log: str = ""
    observations: Mapping[str, str | None] = field(default_factory=dict)


class RunningAction:
    """An action that is running. Its `emit` also keeps the lines that commands print, for the layer's log."""

    def __init__(self, action: Action, emit: Emit) -> None:
        self._action = action
        self._emit = emit
        self._begun = time.monotonic()
        self._lines: list[str] = []
        self.observations: dict[str, str | None] = {}

    def observe(self, indexes: Mapping[str, str | None]) -> None:
        """Record what the action saw upstream."""
        self.observations |= indexes

    def emit(self, event: Event) -> None:
        if isinstance(event, OutputLine):
            self._lines.append(event.line)
        self._emit(event)

    @property
    def log(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    @property
    def record(self) -> dict[str, Any]:
        """What the layer's JSON records of the action."""
        return {
            "title": self._action.title,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "log": self.log,
            "observations": self.observations,
        }


class BuildJournal:
    """Passes events on to the listener, and keeps the actions' results for the manifest."""

    def __init__(self, emit: Emit) -> None:
        self.decisions: list[Decision] = []
        """What was decided, and why, in order."""
        self._emit = emit
        self.begun = datetime.now(UTC)
        self.done: list[ActionResult] = []

    def emit(self, event: Event) -> None:
        """Pass an event on to the listener; decisions are kept for build.log."""
        if isinstance(event, Decision):
            self.decisions.append(event)
        self._emit(event)

    def decide(self, plan: Plan) -> None:
        """Record which actions run and which are reused, as the plan has it."""
        for action in plan.actions:
            self.emit(Decision(f"{'reuse' if action.reused else 'run'} {action.title}", action.reason))

    def cached(self, action: Action, layer: Layer | None = None) -> None:
        """Record an action that was not needed: the cache has its layer."""
        log, seen = (str(layer.record["log"]), layer.record.get("observations", {})) if layer else ("", {})
        self.done.append(ActionResult(action, "cached", 0.0, log, seen))
        self.emit(ActionFinished(action.title, "cached", 0.0))

    @contextmanager
    def running(self, action: Action) -> Iterator[RunningAction]:
        """Time an action while it runs; one that raises is not recorded."""
        self.emit(ActionStarted(action.title))
        entry = RunningAction(action, self.emit)
        yield entry
        self.done.append(ActionResult(action, "ran", entry.seconds, entry.log, entry.observations))
        self.emit(ActionFinished(action.title, "ran", entry.seconds))
