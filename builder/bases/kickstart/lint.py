"""Whether a kickstart is right in the syntax of its release, by pykickstart, and a preseed file in its form."""

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

VERSION_HINT = "say it in the file's first line, as in #version=RHEL9, or as `syntax:` in the recipe"

END = "the installation would not end: the machine has to power off by itself"

MAX_BROKEN = 20
"""How many lines that cannot even be split into words are told at once."""

TYPES = ("string", "boolean", "select", "multiselect", "note", "text", "password", "title", "error", "seen")
"""What debconf-set-selections takes for a question's type; `seen` sets a flag."""

OFF = "debian-installer/exit/poweroff"


def check_syntax(name: str) -> str:
    """The name of a release whose syntax pykickstart knows. Raises ValueError."""
    known = versionMap.keys() - {"DEVEL"}
    if name not in known:
        raise ValueError(f'there is no syntax "{name}", as there are RHEL9 and F40{did_you_mean(name, known)}')
    return name


def find_kickstart_problems(rendered: RenderedAnswers, syntax: str | None) -> Iterator[Problem]:
    """All that pykickstart finds wrong, in the syntax of a release: as named, or as the file's own `#version=`."""
    if syntax is None:
        number, syntax = find_version(rendered)
        if syntax is None:
            yield rendered.problem(1, "nothing says in which release's syntax this is", hint=VERSION_HINT)
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
        yield rendered.problem(handler.reboot.lineno or 1, END, hint="write `poweroff`")


def find_version(rendered: RenderedAnswers) -> tuple[int, str | None]:
    """The release that a kickstart names itself, as Anaconda's own do, and the line."""
    for number, line in enumerate(rendered.lines, 1):
        if found := re.match(r"#\s*version=\s*(\S+)", line):
            return number, found[1]
    return 1, None


def _make_handler(syntax: str) -> Any:
    # pykickstart's own makeVersion puts a folder of its package into sys.path.
    module = importlib.import_module(f"pykickstart.handlers.{syntax.lower()}")
    return getattr(module, f"{syntax}Handler")()


class _Lines(PutBackIterator):  # type: ignore[misc]  # it has no types
    """A kickstart's lines as the parser takes them; knows which one it took last."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__([*(f"{line}\n" for line in lines), ""])
        self.number = 0

    def next(self) -> Any:
        if not self._buf:
            self.number += 1
        return super().next()


class _Parser(KickstartParser):  # type: ignore[misc]  # it has no types
    """Goes on after an error, and collects what is wrong, with its line."""

    def __init__(self, handler: Any, lines: list[str]) -> None:
        super().__init__(handler, followIncludes=False, unknownSectionIsFatal=False)
        self.found: set[tuple[int, str]] = set()
        self._lines = lines
        self._taken = _Lines(lines)

    def parse(self) -> int | None:
        """Read on to the end; returns the line that cannot even be split into words, and kept it from going on."""
        with warnings.catch_warnings(record=True) as self._warned:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", KickstartParseWarning)
            warnings.simplefilter("ignore", KickstartDeprecationWarning)
            try:
                self._reset()
                self._stateMachine(self._taken)
            except KickstartError as error:
                self._note(error)
            except Exception as error:  # what shlex and slips of the parser's own raise
                return self._note(error)
            self._note_warnings()
        return None

    def _tryFunc(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception as error:  # the same
            self._note(error)
        self._note_warnings()

    def _note(self, error: Exception) -> int:
        number: int = getattr(error, "lineno", None) or self._taken.number
        if isinstance(error, KickstartError):
            said = " ".join(str(error.message).split()).rstrip(".") or "cannot be understood"
        else:
            said = str(error) if isinstance(error, ValueError) else "cannot be understood"
        if section := re.match(r"Section (%\S+) does not end", said):
            # The place of its beginning helps more than that of the file's end.
            number = max(
                here for here, line in enumerate(self._lines[:number], 1) if line.lstrip().startswith(section[1])
            )
        self.found.add((number, said))
        return number

    def _note_warnings(self) -> None:
        for warning in self._warned:
            message = " ".join(str(warning.message).split()).rstrip(".")
            line = re.search(r" seen at line (\d+)", message)
            number = int(line[1]) if line else self._taken.number
            self.found.add((number, re.sub(r"^Potentially unknown section.*: ", "unknown section ", message)))
        self._warned.clear()


def _parse(lines: list[str], syntax: str) -> tuple[set[tuple[int, str]], Any]:
    """What is wrong, each with its line, and pykickstart's handler, which holds what the file says."""
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
    """What of a line a message is about: the first option or quoted word of it that stands in the line."""
    words = re.findall(r"'([^']+)'|(?<!\S)(--[\w-]+)|: ([\w./@%-]+)$", message)
    return next((word for group in words for word in group if word and word in line), None)


def find_preseed_problems(rendered: RenderedAnswers) -> Iterator[Problem]:
    """What of a preseed file is not in the form that debconf-set-selections(1) describes."""
    powers_off = False
    for number, text in _logical_lines(rendered.lines):
        if re.search(r"\\[ \t]+$", text):
            last = number + text.count("\n")
            yield rendered.problem(last, "a blank after the backslash: the line does not go on", "\\")
        words = text.replace("\\\n", " ").split(None, 3)
        if text.endswith("\\\n"):
            text = text[:-2]
            yield rendered.problem(number, "a backslash, and no line that it could go on in")
        if len(words) < 3:
            message = "a line is an owner, a question, a type and a value"
            yield rendered.problem(number, message, hint="as in `d-i time/zone string Etc/UTC`")
            continue
        owner, question, kind, value = (*words, "")[:4]
        if "/" not in question:
            yield rendered.problem(number, f'not the name of a question: "{question}"', question)
        if kind not in TYPES:
            message = f'unknown type "{kind}"{did_you_mean(kind, TYPES)}'
            yield rendered.problem(number, message, kind, f"a type is one of {', '.join(TYPES)}")
        elif kind in ("boolean", "seen") and value.strip() not in ("true", "false"):
            yield rendered.problem(number, f"the value of {question} must be true or false", value.strip())
        powers_off |= (owner, question, value.strip()) == ("d-i", OFF, "true")
    if not powers_off:
        yield rendered.problem(1, END, hint=f"write `d-i {OFF} boolean true`")


def _logical_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines that say something, each with those that it goes on in, and the number of its first."""
    begun, number = "", 0
    for here, line in enumerate(lines, 1):
        if not begun:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            number = here
        begun += line + "\n"
        if not line.endswith("\\"):
            yield number, begun[:-1]
            begun = ""
    if begun:
        yield number, begun
