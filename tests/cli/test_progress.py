from __future__ import annotations

import io
import re

from rich.cells import cell_len
from rich.console import Console

from builder.cli.progress import Progress
from builder.events import ActionFinished, ActionStarted, Event, Notice, OutputLine

LONG = "word " * 60
EVIL = "\x1b[2J\x1b]0;title\x07\rback\x08space\x00\x9b31m\u202e"
SHOWN = Notice("-")
"""Before any line that stays, a terminal gets the running one as it is now."""
CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What rich itself sends to a terminal: colours, and where to write next."""


def show(*events: Event, terminal: bool) -> str:
    """All that was written for those events."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80, height=24, highlight=False, _environ={})
    with Progress(console) as progress:
        for event in events:
            progress(event)
    return file.getvalue()


def lines_on(terminal: str) -> list[str]:
    """Every line that a terminal was ever told to show."""
    return [line for line in re.split(r"[\r\n]+", CODE.sub("", terminal)) if line.strip()]


def test_plain_lines() -> None:
    assert show(
        ActionFinished("bootstrap debian bookworm", "cached", 0.0),
        ActionStarted("install lftp"),
        OutputLine("Reading package lists..."),
        Notice("partitioning the disk and unpacking the system"),
        Notice("no KVM here", warning=True),
        ActionFinished("install lftp", "ran", 12.345),
        terminal=False,
    ) == (
        "·    cached  bootstrap debian bookworm\n"
        "… install lftp\n"
        "  partitioning the disk and unpacking the system\n"
        "warning: no KVM here\n"
        "✓    12.3 s  install lftp\n"
    )


def test_a_plain_line_stays_whole() -> None:
    assert show(Notice(LONG + "end"), terminal=False) == f"  {LONG}end\n"
    assert show(Notice("it failed\n  because"), terminal=False) == "  it failed\n  because\n"


def test_brackets_are_only_brackets() -> None:
    assert show(ActionFinished("run-command [ -e /x ] [bold]", "ran", 1.0), terminal=False) == (
        "✓     1.0 s  run-command [ -e /x ] [bold]\n"
    )


def test_a_terminal_shows_the_running_action_and_its_last_line() -> None:
    shown = show(
        ActionStarted("install lftp"),
        SHOWN,
        OutputLine("Reading package lists..."),
        SHOWN,
        OutputLine("Unpacking lftp"),
        SHOWN,
        ActionFinished("install lftp", "ran", 2.0),
        terminal=True,
    )
    lines = lines_on(shown)
    assert re.fullmatch(r"▸ +0\.\d s  install lftp", lines[0])
    assert any(re.fullmatch(r"▸ +0\.\d s  install lftp  Reading package lists\.\.\.", line) for line in lines)
    assert any(line.endswith("install lftp  Unpacking lftp") for line in lines)
    assert lines[-1] == "✓     2.0 s  install lftp"


def test_a_terminal_s_line_is_never_too_wide() -> None:
    wide = "幅" * 100
    shown = show(
        ActionStarted(LONG),
        SHOWN,
        OutputLine(LONG),
        SHOWN,
        OutputLine(wide),
        Notice(LONG, warning=True),
        Notice("x" * 300),
        ActionFinished(LONG, "ran", 100_000.0),
        ActionStarted("short"),
        OutputLine(wide),
        ActionFinished(wide, "cached", 0.0),
        terminal=True,
    )
    lines = lines_on(shown)
    assert len(lines) > 10
    assert max(map(cell_len, lines)) <= 80
    assert any(line.startswith("▸") and line.endswith("…") for line in lines)


def test_control_characters_are_removed() -> None:
    events = (
        ActionStarted(f"title{EVIL}"),
        OutputLine(f"line{EVIL}"),
        SHOWN,
        Notice(f"notice{EVIL}"),
        ActionFinished(f"title{EVIL}", "ran", 1.0),
    )
    plain = show(*events, terminal=False)
    assert re.findall(r"[^\n -~·…✓]", plain) == []
    shown = show(*events, terminal=True)
    assert re.findall(r"[^\r\n -~·…✓▸]", CODE.sub("", shown)) == []
    # What is left of them is text like any other.
    assert "\x1b[2J" not in shown.replace("\x1b[2K", "")
    assert "line[2J]0;title" in CODE.sub("", shown)


def test_nothing_of_the_running_line_stays() -> None:
    shown = show(ActionStarted("install lftp"), OutputLine("a line"), SHOWN, terminal=True)
    assert "\x1b[2K" in shown.rpartition("a line")[2], "it is erased"
