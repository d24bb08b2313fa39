"""Following clones from their start until they have said all, or one of them will not get there."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from builder.consoles.console import ConsoleLog
from builder.errors import HostError
from builder.events import Emit, OutputLine
from builder.verify.questions import Question, QuestionAnswer, is_over, read_answers
from builder.verify.troubles import find_trouble

PERIOD = 0.2
"""Seconds between two looks."""

SETTLING = 1.0
"""Seconds in which a machine that is in trouble may say more of it."""

GRACE = 30.0
"""Seconds for which a prompt is waited after everything was asked."""

LOGIN = re.compile(r"(?:^|\S )login:(?: |$)")
BOOTED = re.compile(r"\] Linux version \d")

BOOTS = 4
"""Boots after which a machine will never get further. One labels its files for SELinux first, and boots again."""


class WatchedMachine(Protocol):
    """A machine that was started: the files of its two serial ports, and its end."""

    @property
    def console(self) -> Path: ...

    @property
    def answers(self) -> Path: ...

    @property
    def ended(self) -> str | None:
        """How it ended, in words; None while it runs. Raises HostError where QEMU failed."""


class CloneBoot:
    """One clone's boot. `trouble` is what keeps it from its end."""

    def __init__(self, machine: WatchedMachine, questions: Sequence[Question]) -> None:
        self._machine = machine
        self._console = ConsoleLog(machine.console)
        self._questions = questions
        self._begun = time.monotonic()
        self._boots = 0
        self._over_since: float | None = None
        self.login: float | None = None
        """Seconds until the prompt."""
        self.trouble: str | None = None
        self.hint: str | None = None

    def look(self) -> list[str]:
        """Read what is new; the console's new lines are returned."""
        ended = self._machine.ended  # before the console: its last words count
        lines = self._console.read()
        for line in [*lines, self._console.pending]:
            self._judge(line)
        self._boots += sum(BOOTED.search(line) is not None for line in lines)
        if self._boots >= BOOTS:
            self._blame(f"it booted {self._boots} times, and got no further", None)
        if ended and not self.done:
            self._blame(ended, None)
        if self._over_since is None and is_over(self._said):
            self._over_since = time.monotonic()
        return lines

    def _judge(self, line: str) -> None:
        if self.login is None and LOGIN.search(line):
            self.login = time.monotonic() - self._begun
        if found := find_trouble(line):
            self._blame(*found)

    def _blame(self, trouble: str, hint: str | None) -> None:
        if self.trouble is None:
            self.trouble, self.hint = trouble, hint

    @property
    def _said(self) -> bytes:
        try:
            return self._machine.answers.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise HostError("a clone's answers cannot be read", details=str(error)) from error

    @property
    def done(self) -> bool:
        """Whether there is nothing more to come."""
        if self._over_since is None:
            return False
        return self.login is not None or time.monotonic() > self._over_since + GRACE

    @property
    def asked(self) -> bool:
        """Whether it answered everything."""
        return self._over_since is not None

    @property
    def answers(self) -> dict[Question, QuestionAnswer]:
        return read_answers(self._said, self._questions)

    @property
    def tail(self) -> str:
        return self._console.tail


def follow(boots: Sequence[CloneBoot], timeout: float, emit: Emit) -> None:
    """Return when all are done, one is in trouble, or the time is over. Raises HostError."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for number, boot in enumerate(boots, 1):
            for line in boot.look():
                emit(OutputLine(f"{number}: {line}"))
        if any(boot.trouble for boot in boots):
            _settle(boots)
            return
        if all(boot.done for boot in boots):
            return
        time.sleep(PERIOD)


def _settle(boots: Sequence[CloneBoot]) -> None:
    deadline = time.monotonic() + SETTLING
    while time.monotonic() < deadline:
        time.sleep(PERIOD)
        for boot in boots:
            boot.look()
