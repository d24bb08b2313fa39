"""Lines of what programs send to a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.consoles.console import MAX_LINE, TAIL_LINES, ConsoleLog, TerminalCleaner

# As tmux, in which Anaconda runs, draws its window and the status line below it.
TMUX = (
    b"\x1b[?1049h\x1b[?1h\x1b=\x1b[H\x1b[J\x1b[?12l\x1b[?25h\x1b(B\x1b[m\x1b[1;24r\x1b[H"
    b"\x1b[1mStarting installer, one moment...\x1b(B\x1b[m\r\n"
    b"\x1b[30m\x1b[42m\x1b[24;1H[anaconda] 1:main* 2:shell\x1b[24;60HHelp: F1 \x1b(B\x1b[m\x1b[2;1H"
    b"anaconda 19.31.79-1 for CentOS 7 started.\x1b[K\r\n"
    b"Installing libgcc (1/300)\r\x1b[KInstalling glibc (2/300)\r\n"
)
TMUX_LINES = [
    "Starting installer, one moment...",
    "[anaconda] 1:main* 2:shell",
    "Help: F1",
    "anaconda 19.31.79-1 for CentOS 7 started.",
    "Installing libgcc (1/300)",
    "Installing glibc (2/300)",
]

# A dialog of Debian's installer: frames are letters of the terminal's second set.
DIALOG = (
    b"\x1b[11;5H\x1b[47m\x1b(0lqqqqu\x1b(B [!!] Partition disks \x1b(0tqqqqk\x1b(B"
    b"\x1b[12;5H\x1b(0x\x1b(B No root file system    \x1b(0x\x1b(B\x1b[13;5H\x0emqqj\x0f\r\n"
)
DIALOG_LINES = ["┌────┤ [!!] Partition disks ├────┐", "│ No root file system    │", "└──┘"]


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        (TMUX, TMUX_LINES),
        (DIALOG, DIALOG_LINES),
        (b"a\n\n  \nb\r\nb\nc\n", ["a", "b", "c"]),
        (b"10%\x08\x08\x0820%\x08\x08\x08done\n", ["done"]),
        ("é".encode() + b"\xff\n", ["é\ufffd"]),
        (b"\x1b]0;title\x07a\x1b[3Cb\x07\n", ["a b"]),
        (b"x" * (2 * MAX_LINE + 1) + b"\n", ["x" * MAX_LINE, "x"]),
    ],
)
def test_lines(sent: bytes, lines: list[str]) -> None:
    assert TerminalCleaner().feed(sent) == lines


@given(st.sampled_from([TMUX, DIALOG]), st.lists(st.integers(0, len(TMUX))))
def test_it_does_not_matter_where_a_read_ends(sent: bytes, cuts: list[int]) -> None:
    cleaner, found, position = TerminalCleaner(), list[str](), 0
    for cut in [*sorted(cuts), len(sent)]:
        found += cleaner.feed(sent[position:cut])
        position = max(position, cut)
    assert found == (TMUX_LINES if sent == TMUX else DIALOG_LINES)


@given(st.lists(st.binary(max_size=400), max_size=5))
def test_no_bytes_confuse_it(pieces: list[bytes]) -> None:
    cleaner = TerminalCleaner()
    lines = [line for piece in pieces for line in cleaner.feed(piece)]
    assert all(line.strip() and "\x1b" not in line and "\n" not in line for line in lines)


def test_a_question_is_seen_before_its_line_ends(tmp_path: Path) -> None:
    console = ConsoleLog(tmp_path / "console")
    assert console.read() == []
    (tmp_path / "console").write_bytes(b"one\nPlease respond 'yes' or 'no': ")
    assert console.read() == ["one"]
    assert console.pending == "Please respond 'yes' or 'no':"
    with (tmp_path / "console").open("ab") as file:
        file.write(b"no\ntwo\n")
    assert console.read() == ["Please respond 'yes' or 'no': no", "two"]
    assert console.size == (tmp_path / "console").stat().st_size


def test_the_last_lines_are_kept(tmp_path: Path) -> None:
    (tmp_path / "console").write_text("".join(f"{number}\n" for number in range(100)) + "end")
    console = ConsoleLog(tmp_path / "console")
    console.read()
    assert console.tail.splitlines() == [*map(str, range(101 - TAIL_LINES, 100)), "end"]
