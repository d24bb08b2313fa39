from __future__ import annotations

import pytest

from builder.steps.install import Install
from builder.steps.run_command import RunCommand
from builder.steps.step import TITLE


@pytest.mark.parametrize(
    ("command", "title"),
    [
        ("ldconfig", "run-command ldconfig"),
        ("first\n\tsecond\n", "run-command first second"),
        ("printf '\x1b[31m'", "run-command printf ' [31m'"),
        ("x" * 200, f"run-command {'x' * (TITLE - 13)}…"),
    ],
)
def test_a_title_is_one_short_line(command: str, title: str) -> None:
    assert RunCommand.model_validate(command).title == title


def test_a_title_of_many_words() -> None:
    title = Install.model_validate([f"package-{number}" for number in range(50)]).title
    assert title.startswith("install package-0 package-1 ")
    assert len(title) == TITLE
