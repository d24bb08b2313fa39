"""Every line of a rendered template has its line in the template."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from builder.bases.kickstart.render import MAX_BYTES, AnswersTemplate, display_path
from builder.errors import RecipeError
from tests.bases.kickstart.conftest import Render, format_problems


def test_lines_of_the_template(render_text: Render) -> None:
    rendered = render_text(
        """
        {# a
        comment #}
        {{ first }}
        one
        {% for part in parts %}
        part {{ part }}
         more
        {% endfor %}
        {% if no %}
        left out
        {% endif -%}

          behind {{ lines }} it
        {% raw %}
        {{ raw }}
        {% endraw %}
        {% set last = "last" %}{{ last }}
        """,
        {"first": "first", "parts": ["a", "b"], "no": False, "lines": "A\nB"},
    )
    assert rendered.places is not None
    lines = dict.fromkeys(line for line in rendered.lines if line)
    places = {line: number for line, number in zip(rendered.lines, rendered.places, strict=False) if line in lines}
    assert places == {
        "first": 3,
        "one": 4,
        "part a": 6,
        "part b": 6,
        " more": 7,
        "behind A": 13,
        "B it": 13,
        "{{ raw }}": 15,
        "last": 17,
    }
    assert format_problems([rendered.problem(rendered.lines.index("part b") + 1, "wrong", "part")]) == ["6:1: wrong"]
    assert format_problems([rendered.problem(rendered.lines.index("B it") + 1, "wrong", "it")]) == ["13:22: wrong"]
    assert format_problems([rendered.problem(rendered.lines.index(" more") + 1, "wrong", "absent")]) == ["7:2: wrong"]


def test_a_template_that_processes_its_own_output(render_text: Render) -> None:
    text = "{% set length %}abc{% endset %}\n{{ length | length }}\n"
    rendered = render_text(text)
    assert (rendered.text, rendered.places) == ("\n3\n", None)
    assert format_problems([rendered.problem(2, "wrong")]) == ["1:1: wrong (line 2 of the rendered text)"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a\n{{ x }}\n  {{ tre }}",
            ['2:4: undefined variable "x"', '3:6: undefined variable "tre"; did you mean "tree"?'],
        ),
        ("{% if x is defined %}{{ x }}{% endif %}{{ y.z }}", ['1:43: undefined variable "y"']),
        ("a\n {{ secrets.other }}", ["2:13: cannot render the template: 'dict object' has no attribute 'other'"]),
        ("a\n{% endfor %}", ["2:4: invalid template: Encountered unknown tag 'endfor'"]),
        ("a\nb {{ tree", ["2:1: invalid template: unexpected end of template, expected 'end of print statement'"]),
        ("a\n{{ tree | shout }}", ["2:11: invalid template: No filter named 'shout'"]),
        ("a\n{{ 1 // 0 }}", ["2:1: cannot render the template: integer division or modulo by zero"]),
        ("a\n{{ 'x' * 9 }}", ["2:1: cannot render the template: the operator * is not allowed in a recipe"]),
        ("a\n{% include 'b' %}", ["2:1: cannot render the template: no loader for this environment specified"]),
        (
            "{{ tree.__class__.__mro__ }}",
            ["1:1: cannot render the template: access to attribute '__class__' of 'str' object is unsafe"],
        ),
    ],
)
def test_a_template_that_cannot_be_rendered(render_text: Render, text: str, expected: list[str]) -> None:
    variables: Mapping[str, Any] = {"tree": "http://host/", "secrets": {}}
    with pytest.raises(RecipeError) as caught:
        render_text(text, variables)
    assert format_problems(caught.value.problems) == expected


def test_quote(render_text: Render) -> None:
    assert render_text("rootpw {{ word | quote }}", {"word": "a b'c"}).text == "rootpw 'a b'\"'\"'c'"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb\xff", "2:1: not UTF-8: byte 0xFF"),
        (b"a\n\0", "2:1: not a text file: it contains a NUL byte"),
        (b"x" * (MAX_BYTES + 1), "1:1: too large for an answer file: the limit is 1 MiB"),
    ],
)
def test_a_file_that_is_not_a_template(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "x.ks").write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        AnswersTemplate.read(tmp_path / "x.ks")
    assert format_problems(caught.value.problems) == [expected]


def test_line_ends_of_other_systems(tmp_path: Path) -> None:
    (tmp_path / "x.ks").write_bytes(b"a\r\nb\r\n")
    assert AnswersTemplate.read(tmp_path / "x.ks").text == "a\nb\n"


def test_displayed_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert display_path(tmp_path / "recipes/../kickstart/x.ks") == Path("kickstart/x.ks")
    assert display_path(Path(os.sep, "srv", "a", "..", "x.ks")) == Path("/srv/x.ks")
