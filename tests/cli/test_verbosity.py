"""`--verbose`: which commands take it, and what it shows."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.cli import command_line
from tests.conftest import GOLDEN, Golden


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


def test_every_command_takes_it() -> None:
    found = dict(commands(command_line()))
    assert len(found) > 60
    without = [
        path for path, command in found.items() if "--verbose" not in {o for p in command.params for o in p.opts}
    ]
    assert without == []


@pytest.mark.parametrize(
    "words", [("--verbose", "network", "list"), ("network", "--verbose", "list"), ("network", "list")]
)
def test_decisions_are_shown_only_if_asked_for(golden: Golden, words: tuple[str, ...], tmp_path: Path) -> None:
    done = golden(*words, "--connect", "test:///default", "--output", tmp_path)
    # libvirt's test driver lists no networks; what counts comes before that.
    decision = "decision: connect to test:///default: set by --connect or LIBVIRT_DEFAULT_URI\n"
    assert (decision in done.stderr) is ("--verbose" in words)


def test_the_flag_after_the_command(tmp_path: Path) -> None:
    words = [str(GOLDEN), "network", "list", "--verbose", "--connect", "test:///default", "--output", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("decision: connect to ")
    assert "decision" not in done.stdout
