from __future__ import annotations

from pathlib import Path

import pytest

from builder import errors
from builder.errors import CommandError, GoldenError, Problem, RecipeError


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.RequestError, 2),
        (errors.RecipeError, 2),
        (errors.HostError, 3),
        (errors.ApplianceError, 3),
        (errors.BuildError, 4),
        (errors.CommandError, 4),
        (errors.GuestError, 4),
        (errors.VerifyError, 5),
        (errors.InUseError, 6),
    ],
)
def test_exit_codes(kind: type[GoldenError], code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, GoldenError)
    assert errors.INTERRUPTED == 130


def test_text() -> None:
    assert str(GoldenError("it failed")) == "it failed"
    error = GoldenError("it failed", where="a.yaml:1:2", details="one\n\n two\n", hint="mend it")
    assert str(error) == "a.yaml:1:2: it failed\n  one\n  \n   two\nhint: mend it"


def test_a_changed_message_is_shown() -> None:
    error = GoldenError("it failed")
    error.message = f"the step x failed: {error.message}"
    error.where = "a.yaml:3:4"
    assert str(error) == "a.yaml:3:4: the step x failed: it failed"


def test_a_recipe_error_has_all_problems_in_the_order_of_the_file() -> None:
    file = Path("a.yaml")
    problems = [
        Problem(file, 10, 1, "third"),
        Problem(file, 2, 5, "second", "do this"),
        Problem(file, 2, 3, "first"),
        Problem(file, 10, 1, "fourth", "that"),
    ]
    error = RecipeError(problems)
    assert str(error) == (
        "a.yaml:2:3: first\na.yaml:2:5: second\nhint: do this\na.yaml:10:1: third\na.yaml:10:1: fourth\nhint: that"
    )
    assert [problem.where for problem in error.problems] == ["a.yaml:2:3", "a.yaml:2:5", "a.yaml:10:1", "a.yaml:10:1"]


def test_a_command_can_be_pasted() -> None:
    error = CommandError(["echo", "a b", "$HOME"], 3, "one\ntwo\n", place=" in the guest", hint="try again")
    assert str(error) == (
        "command exited with status 3 in the guest\n  $ echo 'a b' '$HOME'\n  one\n  two\nhint: try again"
    )
    assert str(CommandError("a | b", -9, "")) == "command was killed by signal 9\n  $ a | b"


def test_tail() -> None:
    assert errors.tail("") == ""
    assert errors.tail("a\nb\n\n", 2) == "a\nb"
    assert errors.tail("a\nb\nc\nd\n", 2) == "[… 2 lines omitted]\nc\nd"


def test_did_you_mean() -> None:
    assert errors.did_you_mean("timezon", ["locale", "timezone"]) == '; did you mean "timezone"?'
    assert errors.did_you_mean("x", ["locale", "timezone"]) == ""
