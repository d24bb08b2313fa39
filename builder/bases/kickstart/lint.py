"""Checking answer files: a kickstart against its release's syntax, with pykickstart, and the form of a preseed file."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pykickstart.constants import KS_SHUTDOWN
from pykickstart.errors import KickstartDeprecationWarning, KickstartError, KickstartParseWarning
from pykickstart.parser import KickstartParser, PutBackIterator
from pykickstart.version import versionMap

from builder.bases.kickstart.render import RenderedAnswers
from builder.errors import Problem, did_you_mean

VERSION_HINT = "write it in the first line, as in #version=RHEL9, or set `syntax:` in the recipe"

END = "the installation would never end: its last action must be to power off"

MAX_BROKEN = 20
"""How many lines that stop the parser to report at once."""

TYPES = ("string", "boolean", "select", "multiselect", "note", "text", "password", "title", "error", "seen")
"""The question types of debconf-set-selections(1); `seen` sets a flag."""

OFF = "debian-installer/exit/poweroff"


def check_syntax(name: str) -> str:
    """Check that pykickstart knows the syntax of this release, and return its name. Raises ValueError."""
    known = versionMap.keys() - {"DEVEL"}
    if name not in known:
        raise ValueError(
            f'unknown kickstart syntax "{name}": use a release such as RHEL9 or F40{did_you_mean(name, known)}'
        )
    return name


def find_kickstart_problems(rendered: RenderedAnswers, syntax: str | None) -> Iterator[Problem]:
    """All problems that pykickstart finds, in the syntax of the given release or of the file's `#version=`."""
    if syntax is None:
        number, syntax = find_version(rendered)
        if syntax is None:
            yield rendered.problem(1, "the kickstart does not name the release of its syntax", hint=VERSION_HINT)
            return
        try:
            check_syntax(syntax)
        except ValueError as error:
            yield rendered.problem(number, str(error), syntax)
            return
    found, handler = _parse(rendered.lines, syntax)
    for number, message in sorted(found):
        yield rendered.problem(number, message, _find_word(message, rendered.lines[number - 1]))
    if handler.reboot.action != KS_SHUTDOWN:
        yield rendered.problem(handler.reboot.lineno or 1, END, hint="add the command `poweroff`")


def find_version(rendered: RenderedAnswers) -> tuple[int, str | None]:
    """The release in a kickstart's `#version=` line, and the line's number. Anaconda writes such a line, too."""
    for number, line in enumerate(rendered.lines, 1):
        if found := re.match(r"#\s*version=\s*(\S+)", line):
            return number, found[1]
    return 1, None


def _make_handler(syntax: str) -> Any:
    # pykickstart's makeVersion would add a folder of its package to sys.path.
    module = importlib.import_module(f"pykickstart.handlers.{syntax.lower()}")
    return getattr(module, f"{syntax}Handler")()


class _Lines(PutBackIterator):  # type: ignore[misc]  # pykickstart is untyped
    """A kickstart's lines for the parser, with the number of the line that it read last."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__([*(f"{line}\n" for line in lines), ""])
        self.number = 0

    def next(self) -> Any:
        if not self._buf:
            self.number += 1
        return super().next()


class _Parser(KickstartParser):  # type: ignore[misc]  # pykickstart is untyped
    """A parser that continues after errors, and collects their line numbers and messages."""

    def __init__(self, handler: Any, lines: list[str]) -> None:
        super().__init__(handler, followIncludes=False, unknownSectionIsFatal=False)
        self.found: set[tuple[int, str]] = set()
        self._lines = lines
        self._reader = _Lines(lines)

    def parse(self) -> int | None:
        """Parse to the end; returns the number of the line whose error stopped the parser, or None."""
        with warnings.catch_warnings(record=True) as self._warnings:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", KickstartParseWarning)
            warnings.simplefilter("ignore", KickstartDeprecationWarning)
            try:
                self._reset()
                self._stateMachine(self._reader)
            except KickstartError as error:
                self._record(error)
            except Exception as error:  # from shlex, or a bug in pykickstart
                return self._record(error)
            self._record_warnings()
        return None

    def _tryFunc(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception as error:  # as above
            self._record(error)
        self._record_warnings()

    def _record(self, error: Exception) -> int:
        number: int = getattr(error, "lineno", None) or self._reader.number
        if isinstance(error, KickstartError):
            message = " ".join(str(error.message).split()).rstrip(".") or "invalid line"
        else:
            message = str(error) if isinstance(error, ValueError) else "invalid line"
        if section := re.match(r"Section (%\S+) does not end", message):
            # The start of the section is more helpful than the end of the file.
            number = max(
                start for start, line in enumerate(self._lines[:number], 1) if line.lstrip().startswith(section[1])
            )
        self.found.add((number, message))
        return number

    def _record_warnings(self) -> None:
        for warning in self._warnings:
            message = " ".join(str(warning.message).split()).rstrip(".")
            line = re.search(r" seen at line (\d+)", message)
            number = int(line[1]) if line else self._reader.number
            self.found.add((number, re.sub(r"^Potentially unknown section.*: ", "unknown section ", message)))
        self._warnings.clear()


def _parse(lines: list[str], syntax: str) -> tuple[set[tuple[int, str]], Any]:
    """The problems as (line number, message), and pykickstart's handler with the parsed commands."""
    found: set[tuple[int, str]] = set()
    lines = list(lines)
    for _ in range(MAX_BROKEN):
        handler = _make_handler(syntax)
        parser = _Parser(handler, lines)
        stuck = parser.parse()
        found |= parser.found
        if stuck is None:
            break
        lines[stuck - 1] = ""
    return found, handler


def _find_word(message: str, line: str) -> str | None:
    """The word of the line that a message is about: its first option or quoted word that the line contains."""
    words = re.findall(r"'([^']+)'|(?<!\S)(--[\w-]+)|: ([\w./@%-]+)$", message)
    return next((word for group in words for word in group if word and word in line), None)


def find_preseed_problems(rendered: RenderedAnswers) -> Iterator[Problem]:
    """The lines of a preseed file that do not have the form in debconf-set-selections(1)."""
    powers_off = False
    for number, text in _logical_lines(rendered.lines):
        if re.search(r"\\[ \t]+$", text):
            last = number + text.count("\n")
            yield rendered.problem(last, "a space follows the backslash", "\\", "remove it to continue the line")
        words = text.replace("\\\n", " ").split(None, 3)
        if text.endswith("\\\n"):
            text = text[:-2]
            yield rendered.problem(number, "the line ends with a backslash, but is not continued", hint="remove it")
        if len(words) < 3:
            message = "a line must have an owner, a question, a type and a value"
            yield rendered.problem(number, message, hint="write it as in `d-i time/zone string Etc/UTC`")
            continue
        owner, question, kind, value = (*words, "")[:4]
        if "/" not in question:
            hint = "write it with a slash, as in time/zone"
            yield rendered.problem(number, f'invalid question name "{question}"', question, hint)
        if kind not in TYPES:
            message = f'unknown type "{kind}"{did_you_mean(kind, TYPES)}'
            yield rendered.problem(number, message, kind, f"use one of {', '.join(TYPES)}")
        elif kind in ("boolean", "seen") and value.strip() not in ("true", "false"):
            yield rendered.problem(number, f"the value of {question} must be true or false", value.strip())
        powers_off |= (owner, question, value.strip()) == ("d-i", OFF, "true")
    if not powers_off:
        yield rendered.problem(1, END, hint=f"add the line `d-i {OFF} boolean true`")


def _logical_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines that are neither blank nor comments, joined with their continuations, and the number of the first."""
    joined, number = "", 0
    for current, line in enumerate(lines, 1):
        if not joined:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            number = current
        joined += line + "\n"
        if not line.endswith("\\"):
            yield number, joined[:-1]
            joined = ""
    if joined:
        yield number, joined
