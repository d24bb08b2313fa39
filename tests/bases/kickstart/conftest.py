from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from builder.bases.kickstart.render import AnswersTemplate, RenderedAnswers, render
from builder.errors import Problem

Render = Callable[..., RenderedAnswers]


@pytest.fixture
def render_text() -> Render:
    """Renders the text of a template with variables."""

    def render_text(text: str, variables: Mapping[str, Any] | None = None) -> RenderedAnswers:
        return render(AnswersTemplate(Path("x.ks.j2"), dedent(text).lstrip("\n")), variables or {})

    return render_text


def format_problems(problems: Any) -> list[str]:
    """Problems as `line:column: message`."""
    return [f"{problem.line}:{problem.column}: {problem.message}" for problem in sorted(problems, key=_position)]


def _position(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column
