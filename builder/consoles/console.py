"""Turns the output of a serial console into plain lines."""

from __future__ import annotations

import codecs
import re
from collections import deque
from pathlib import Path

from builder.errors import HostError

ESCAPE = re.compile(
    r"\x1b(?:"
    r"\[(?P<arguments>[0-?]*)[ -/]*(?P<command>[@-~])"
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # window title
    r"|[PX^_][^\x1b]*\x1b\\"
    r"|\((?P<letters>[0-~])"
    r"|[ -/]+[0-~]"
    r"|[0-Z\\^-~])"
)
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,200}\x1b?|[ -/]*)?\Z")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x10-\x1f\x7f]")
"""Control characters to drop: all but tabs, backspaces, line ends, and shifts between character sets."""

LINE_CHANGES = frozenset("ABEFHJdf")
"""Commands that move the cursor to another line of the screen."""

DRAWING = str.maketrans("jklmnqtuvwx", "┘┐┌└┼─├┤┴┬│")
"""The terminal's line-drawing characters, of which dialogs make their frames."""

MAX_LINE = 1000
"""Characters after which a line is broken."""

TAIL_LINES = 25
"""Number of last lines to keep for error messages."""

POLL_INTERVAL = 0.2
"""Seconds between two reads of a running machine's console."""

SETTLE_TIME = 1.0
"""Seconds to keep reading after a trouble: the lines that follow often explain it."""


class TerminalCleaner:
    """Turns what a program sends to a terminal into lines, piece by piece.

    A new line begins wherever the cursor moves to another line of the screen. Empty lines and repetitions of
    the previous line are dropped.
    """

    def __init__(self) -> None:
        self.pending = ""
        """The last line, not complete yet."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unfinished = ""
        self._drawing = False
        self._last = ""

    def feed(self, data: bytes) -> list[str]:
        """Add output; return the lines that it completes."""
        text = self._unfinished + self._decoder.decode(data)
        unfinished = UNFINISHED.search(text)
        text, self._unfinished = (text[: unfinished.start()], unfinished[0]) if unfinished else (text, "")
        text = self.pending + self._plain(text)
        *lines, rest = re.split(r"[\r\n]+", text)
        *full, self.pending = _split_long(rest)
        complete = [piece for line in lines for piece in _split_long(line)]
        return [line for each in [*complete, *full] if (line := self._drop_repetition(each))]

    def _drop_repetition(self, line: str) -> str:
        """The line as shown; an empty string if it is blank or repeats the previous one."""
        line = _apply_backspaces(line).rstrip()
        if not line.strip() or line == self._last:
            return ""
        self._last = line
        return line

    def _plain(self, text: str) -> str:
        """The text without escape sequences; those that change the line or the character set are applied."""
        plain, position = [], 0
        for match in re.finditer(rf"{ESCAPE.pattern}|(?P<shift>[\x0e\x0f])", text):
            plain.append(self._translate(text[position : match.start()]))
            position = match.end()
            if match["shift"]:
                self._drawing = match["shift"] == "\x0e"
            elif match["letters"]:
                self._drawing = match["letters"] == "0"
            elif match["command"]:
                plain.append(_replacement_of(match["command"]))
        plain.append(self._translate(text[position:]))
        return "".join(plain)

    def _translate(self, text: str) -> str:
        text = CONTROL.sub(lambda match: "\b" if match[0] == "\b" else "", text)
        return text.translate(DRAWING) if self._drawing else text


def _split_long(line: str) -> list[str]:
    return [line[start : start + MAX_LINE] for start in range(0, len(line), MAX_LINE)] or [""]


def _replacement_of(command: str) -> str:
    if command in LINE_CHANGES:
        return "\n"
    return " " if command in "CG" else ""


def _apply_backspaces(line: str) -> str:
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
    """The file that a console is written to, read while it grows. `size` is in bytes, of what was read."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.last: deque[str] = deque(maxlen=TAIL_LINES)
        self._path = path
        self._cleaner = TerminalCleaner()

    def read(self) -> list[str]:
        """The lines completed since the last call. Raises HostError."""
        try:
            with self._path.open("rb") as file:
                file.seek(self.size)
                data = file.read()
        except FileNotFoundError:
            return []  # the machine has not opened it yet
        except OSError as error:
            raise HostError(
                f"cannot read {self._path}, the serial console of a virtual machine", details=str(error)
            ) from error
        self.size += len(data)
        lines = self._cleaner.feed(data)
        self.last.extend(lines)
        return lines

    @property
    def pending(self) -> str:
        """The last line, not complete yet: a question that waits for its answer."""
        return _apply_backspaces(self._cleaner.pending).strip()

    @property
    def tail(self) -> str:
        """The last lines, for an error message."""
        shown = [*self.last, self.pending] if self.pending else [*self.last]
        return "\n".join(shown[-TAIL_LINES:]) or "(the console is empty)"
