"""Of the errors of a union's branches, the user sees those that help."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from builder.inputs import Secret
from builder.recipe.explain import ValidatedPart, explain
from builder.recipe.model import RecipeSection
from builder.recipe.parse import parse


class Password(RecipeSection):
    value: Literal["random", "locked"] | Secret = Field(description="The password.")
    count: int | bool = Field(default=1, description="A number.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "value: {fil: x}",
            ['1:9: unknown option "fil" of value; did you mean "file"?'],
        ),
        ("value: rando", ["1:8: value: must be random or locked or a map"]),
        ("value: 5", ["1:8: value: must be random or locked or a map"]),
        ("value: {env: 5}", ["1:14: env: must be a string"]),
        ("value: {}", ["1:8: value: set either env or file"]),
        ("value: random\ncount: x", ["2:8: count: must be a whole number or true or false"]),
    ],
)
def test_union(text: str, expected: list[str]) -> None:
    value, source, _ = parse(text, Path("x.yaml"))
    subject: ValidatedPart[Any] = ValidatedPart(Password, (), "password")
    with pytest.raises(ValidationError) as caught:
        Password.model_validate(value)
    problems = sorted(explain(caught.value, subject, source))
    assert [f"{problem.line}:{problem.column}: {problem.message}" for problem in problems] == expected
