"""Follows clones from their start until all have answered, or one of them fails."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from builder.consoles.console import POLL_INTERVAL, SETTLE_TIME, ConsoleLog
from builder.consoles.troubles import TroubleFinder
from builder.errors import HostError
from builder.events import Emit, OutputLine
from builder.verify.questions import Question, QuestionAnswer, is_over, read_answers
from builder.verify.troubles import TROUBLES

GRACE = 30.0
"""Seconds to wait for a login prompt once a clone has answered everything."""

LOGIN = re.compile(r"(?:^|\S )login:(?: |$)")
BOOTED = re.compile(r"\] Linux version \d")

MAX_BOOTS = 4
"""Boots after which a clone counts as stuck in a loop. One that relabels its files for SELinux boots twice."""


class WatchedMachine(Protocol):
    """A started machine: the files of its two serial ports, and how it ended."""

    @property
    def console(self) -> Path: ...

    @property
    def answers(self) -> Path: ...

    @property
    def ended(self) -> str | None:
        """How it ended, in words; None while it runs. Raises HostError if QEMU failed."""


class CloneBoot:
    """One clone's boot. `trouble` says why it cannot finish, `hint` what to do about it."""

    def __init__(self, machine: WatchedMachine, questions: Sequence[Question]) -> None:
        self._machine = machine
        self._console = ConsoleLog(machine.console)
        self._troubles = TroubleFinder(TROUBLES)
        self._questions = questions
        self._started = time.monotonic()
        self._boots = 0
        self._answered_at: float | None = None
        self.login: float | None = None
        """Seconds until the login prompt; None before it."""
        self.trouble: str | None = None
        self.hint: str | None = None

    def poll(self) -> list[str]:
        """Read the console and the answers; return the console's new lines."""
        ended = self._machine.ended  # before the console, so that its last lines are read
        lines = self._console.read()
        for line in [*lines, self._console.pending]:
            self._search(line)
        self._boots += sum(BOOTED.search(line) is not None for line in lines)
        if self._boots >= MAX_BOOTS:
            self._set_trouble(f"it booted {self._boots} times without finishing", None)
        if ended and not self.done:
            self._set_trouble(ended, None)
        if self._answered_at is None and is_over(self._output):
            self._answered_at = time.monotonic()
        return lines

    def _search(self, line: str) -> None:
        if self.login is None and LOGIN.search(line):
            self.login = time.monotonic() - self._started
        if found := self._troubles.find_in(line):
            self._set_trouble(found.reason, found.hint)

    def _set_trouble(self, trouble: str, hint: str | None) -> None:
        if self.trouble is None:
            self.trouble, self.hint = trouble, hint

    @property
    def _output(self) -> bytes:
        try:
            return self._machine.answers.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise HostError(
                f"cannot read {self._machine.answers}, the file with the clone's answers", details=str(error)
            ) from error

    @property
    def done(self) -> bool:
        """Whether no more output is expected."""
        if self._answered_at is None:
            return False
        return self.login is not None or time.monotonic() > self._answered_at + GRACE

    @property
    def answered(self) -> bool:
        """Whether it answered every question."""
        return self._answered_at is not None

    @property
    def answers(self) -> dict[Question, QuestionAnswer]:
        return read_answers(self._output, self._questions)

    @property
    def tail(self) -> str:
        return self._console.tail


def follow(boots: Sequence[CloneBoot], timeout: float, emit: Emit) -> None:
    """Return once all are done, one is in trouble, or `timeout` seconds are over. Raises HostError."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for number, boot in enumerate(boots, 1):
            for line in boot.poll():
                emit(OutputLine(f"{number}: {line}"))
        if any(boot.trouble for boot in boots):
            _settle(boots)
            return
        if all(boot.done for boot in boots):
            return
        time.sleep(POLL_INTERVAL)


def _settle(boots: Sequence[CloneBoot]) -> None:
    deadline = time.monotonic() + SETTLE_TIME
    while time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL)
        for boot in boots:
            boot.poll()
