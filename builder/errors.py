"""The one error tree. Every error says what failed, where, why, and what to do next.

::

    GoldenError
    ├── RequestError     exit 2   the request is wrong: usage, recipe, name
    │   └── RecipeError           every problem of a recipe at once, with file, line and column
    ├── HostError        exit 3   this host cannot do it: no appliance, no space, no mirror
    │   ├── ApplianceError        the appliance did not start, or died
    │   └── HypervisorError       libvirt refused, or its connection broke
    ├── BuildError       exit 4   a base, a step, the seal or the audit failed
    │   ├── CommandError          a command exited non-zero; shown so that it can be pasted
    │   └── GuestError            libguestfs refused an operation on the guest
    ├── VerifyError      exit 5   a version failed its verification
    └── InUseError       exit 6   refused: something in use would break
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell reports it."""


class GoldenError(Exception):
    """Base of every error that a user is shown.

    `message` says what failed in one line, `where` names the place (`recipes/x.yaml:14:7`),
    `details` is the cause, in the words of the program that reported it, and `hint` is what to do next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, where: str | None = None, details: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.details = details
        self.hint = hint

    def __str__(self) -> str:
        """Place and message, then the details and the hint on lines of their own."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.details:
            text += "\n" + "\n".join(f"  {line}" for line in self.details.rstrip().splitlines())
        if self.hint:
            text += f"\nhint: {self.hint}"
        return text


class RequestError(GoldenError):
    exit_code = 2


def all_together(errors: Sequence[RequestError]) -> RequestError:
    """Combine the errors of one request; there is at least one."""
    return errors[0] if len(errors) == 1 else RequestError("\n".join(map(str, errors)))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A problem in a file, at a line and column counted from 1."""

    file: Path
    line: int
    column: int
    message: str
    hint: str | None = None

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}"
        return f"{text}\nhint: {self.hint}" if self.hint else text


class RecipeError(RequestError):
    """A recipe that cannot be used, with all its problems in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (str(problem.file), problem.line, problem.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class HostError(GoldenError):
    exit_code = 3


class ApplianceError(HostError):
    pass


class HypervisorError(HostError):
    """What libvirt refused, in its own words; `code` is libvirt's error number (VIR_ERR_…)."""

    def __init__(self, message: str, *, code: int = 0, details: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, details=details, hint=hint)
        self.code = code


class BuildError(GoldenError):
    exit_code = 4


class CommandError(BuildError):
    """A command that exited non-zero, on the host or in the guest."""

    def __init__(
        self, argv: Sequence[str] | str, status: int, output: str, *, place: str = "", hint: str | None = None
    ) -> None:
        self.command = argv if isinstance(argv, str) else shlex.join(argv)
        self.status = status
        self.output = output
        how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        super().__init__(f"command {how}{place}", details=f"$ {self.command}\n{tail(output)}", hint=hint)


class GuestError(BuildError):
    pass


class VerifyError(GoldenError):
    exit_code = 5


class InUseError(GoldenError):
    exit_code = 6


def tail(output: str, lines: int = 25) -> str:
    """The last lines of a command's output, which usually have the cause."""
    kept = output.rstrip().splitlines()
    if len(kept) <= lines:
        return "\n".join(kept)
    return "\n".join([f"[… {len(kept) - lines} lines omitted]", *kept[-lines:]])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: `; did you mean "x"?`, or nothing if no known word is similar."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
