"""What a machine shows on its serial console, as plain lines."""

from __future__ import annotations

import codecs
import re
from collections import deque
from pathlib import Path

from builder.errors import HostError

ESCAPE = re.compile(
    r"\x1b(?:"
    r"\[(?P<arguments>[0-?]*)[ -/]*(?P<command>[@-~])"
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # a window's title
    r"|[PX^_][^\x1b]*\x1b\\"
    r"|\((?P<letters>[0-~])"
    r"|[ -/]+[0-~]"
    r"|[0-Z\\^-~])"
)
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,200}\x1b?|[ -/]*)?\Z")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x10-\x1f\x7f]")
"""All but tabs, and what is dealt with before: ends of lines, and shifts between sets of letters."""

ELSEWHERE = frozenset("ABEFHJdf")
"""Commands that go on in another line of the screen."""

DRAWING = str.maketrans("jklmnqtuvwx", "┘┐┌└┼─├┤┴┬│")
"""The letters of a terminal's second set, in which dialogs draw their frames."""

LONGEST = 1000
"""Letters after which a line ends, whether or not its end has come."""

KEPT = 25
"""The last lines that are kept to be shown."""


class TerminalCleaner:
    """Turns what a program sends to a terminal into lines, piece by piece.

    Where it goes on elsewhere on the screen a new line begins. Empty lines, and such as repeat the one
    before, are left out.
    """

    def __init__(self) -> None:
        self.pending = ""
        """The line that has begun."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._cut = ""
        self._drawing = False
        self._last = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        text = self._cut + self._decoder.decode(data)
        cut = UNFINISHED.search(text)
        text, self._cut = (text[: cut.start()], cut[0]) if cut else (text, "")
        text = self.pending + self._plain(text)
        *lines, rest = re.split(r"[\r\n]+", text)
        *begun, self.pending = _pieces(rest)
        whole = [piece for line in lines for piece in _pieces(line)]
        return [line for each in [*whole, *begun] if (line := self._new(each))]

    def _new(self, line: str) -> str:
        line = _erased(line).rstrip()
        if not line.strip() or line == self._last:
            return ""
        self._last = line
        return line

    def _plain(self, text: str) -> str:
        """The text without escapes; what they mean for lines and letters is done."""
        plain, position = [], 0
        for match in re.finditer(rf"{ESCAPE.pattern}|(?P<shift>[\x0e\x0f])", text):
            plain.append(self._letters(text[position : match.start()]))
            position = match.end()
            if match["shift"]:
                self._drawing = match["shift"] == "\x0e"
            elif match["letters"]:
                self._drawing = match["letters"] == "0"
            elif match["command"]:
                plain.append(_instead_of(match["command"]))
        plain.append(self._letters(text[position:]))
        return "".join(plain)

    def _letters(self, text: str) -> str:
        text = CONTROL.sub(lambda found: "\b" if found[0] == "\b" else "", text)
        return text.translate(DRAWING) if self._drawing else text


def _pieces(line: str) -> list[str]:
    return [line[start : start + LONGEST] for start in range(0, len(line), LONGEST)] or [""]


def _instead_of(command: str) -> str:
    if command in ELSEWHERE:
        return "\n"
    return " " if command in "CG" else ""


def _erased(line: str) -> str:
    """The line after its backspaces."""
    if "\b" not in line:
        return line
    kept: list[str] = []
    for letter in line:
        if letter != "\b":
            kept.append(letter)
        elif kept:
            kept.pop()
    return "".join(kept)


class ConsoleLog:
    """A console's file, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.last: deque[str] = deque(maxlen=KEPT)
        self._path = path
        self._cleaner = TerminalCleaner()

    def read(self) -> list[str]:
        """The lines that were completed since it was last read. Raises HostError."""
        try:
            with self._path.open("rb") as file:
                file.seek(self.size)
                data = file.read()
        except FileNotFoundError:
            return []  # the machine has not opened it yet
        except OSError as error:
            raise HostError("the machine's console cannot be read", details=str(error)) from error
        self.size += len(data)
        lines = self._cleaner.feed(data)
        self.last.extend(lines)
        return lines

    @property
    def pending(self) -> str:
        """The line that has begun: where a question waits for its answer."""
        return _erased(self._cleaner.pending).strip()

    @property
    def tail(self) -> str:
        """The last lines."""
        shown = [*self.last, self.pending] if self.pending else [*self.last]
        return "\n".join(shown[-KEPT:]) or "the console stayed empty"
