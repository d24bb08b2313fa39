"""Shows events on stderr: with a live last line on a terminal, as plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from builder.cli.verbosity import is_verbose
from builder.events import ActionFinished, ActionStarted, Decision, Event, Notice, OutputLine

MARKS = {"ran": "✓", "cached": "·"}


class Progress:
    """An event listener; use it in a `with` statement.

    Finished actions stay as lines. The running action shows its seconds and its command's last line
    of output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._verbose = is_verbose()
        self._console = console or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._title = ""
        self._started_at = 0.0
        self._line = ""

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event) -> None:
        match event:
            case ActionStarted(title):
                self._title, self._started_at, self._line = title, time.monotonic(), ""
                if not self._console.is_terminal:
                    self.say(f"… {title}")
            case ActionFinished(title, status, seconds):
                self._title = self._line = ""
                duration = f"{seconds:7.1f} s" if status == "ran" else "   cached"
                self.say(f"{MARKS[status]} {duration}  {title}")
            case OutputLine(line):
                self._line = printable(line)
            case Decision():
                if self._verbose:
                    self.say(f"decision: {event}")
            case Notice(text, warning):
                self.say(f"warning: {text}" if warning else f"  {text}")

    def say(self, text: str) -> None:
        """Print lines that stay. Long lines are wrapped at words on a terminal only."""
        if self._live:
            self._live.refresh()  # otherwise the finished action's line would appear again below this text
        lines = "\n".join(map(printable, text.splitlines()))
        self._console.print(Text(lines), soft_wrap=not self._console.is_terminal)

    def _render(self) -> Text:
        if not self._title:
            return Text("")
        running = f"▸ {time.monotonic() - self._started_at:7.1f} s  {printable(self._title)}"
        text = Text(running)
        if self._line:
            text.append(f"  {self._line}", style="dim")
        text.truncate(self._console.width - 1, overflow="ellipsis")
        return text


def printable(text: str) -> str:
    """The text without control characters: the output of a command must not control the terminal."""
    return "".join(letter for letter in text if letter.isprintable())
