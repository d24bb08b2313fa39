"""Loading a file with any content gives a Recipe or a RecipeError."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.errors import Problem, RecipeError
from builder.recipe import Recipe, load
from builder.steps import registry
from builder.store.reference import check_name
from tests.recipe.conftest import BASE

ANY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

WORDS = st.sampled_from(
    [
        *("name", "summary", "vars", "base", "size", "steps", "seal", "domain", "publish", "image", "bootstrap"),
        *("skip", "also", "memory", "vcpus", "packages", "path", "content", "zone", "32G", "disk.img", "\0", "null"),
        *("{{ x }}", "{{ 1 / 0 }}", "{% for %}", "{{ x | default(1) }}", "{% include 'x' %}", "{{ (" + "(" * 200),
        *registry(),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)
PIECES = st.sampled_from(
    [
        *"\n\t\r{}[]|>'\"#~<`@%!\ufeff\u2028",
        "- ",
        ": ",
        "\n  ",
        ", ",
        "&a ",
        "*a ",
        "? ",
        "---\n",
        "...",
        "0x",
        "\\u",
        "<<",
    ]
)
ODDITIES = st.sampled_from(
    ['"\\UFFFFFFFF"', '"\\ud800"', "%YAML 1.1\n---\n", "%TAG ! x\n", "%YAML 1." + "9" * 5000, "9" * 5000, "!" * 100]
)


def check(folder: Path, data: bytes) -> None:
    file = folder / "recipe.yaml"
    file.write_bytes(data)
    problems: tuple[Problem, ...] = ()
    try:
        assert isinstance(load(file), Recipe)
        return
    except RecipeError as error:
        problems = error.problems
    assert problems
    for problem in problems:
        assert min(problem.line, problem.column) >= 1
        assert "\n" not in problem.message
        str(problem).encode()


@ANY
@given(data=st.binary(max_size=200))
def test_any_bytes(folder: Path, data: bytes) -> None:
    check(folder, data)


@ANY
@given(pieces=st.lists(PIECES | ODDITIES | WORDS | st.text(max_size=3), max_size=40))
def test_any_text(folder: Path, pieces: list[str]) -> None:
    check(folder, "".join(pieces).encode(errors="surrogatepass"))


def dump(value: object) -> str:
    """A value as YAML in flow style, with all characters of its strings escaped."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dump(key)}: {dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    return "null" if value is None else str(value)


@settings(ANY, max_examples=100)
@given(
    value=st.dictionaries(WORDS, VALUES, max_size=6),
    steps=st.lists(st.dictionaries(WORDS, VALUES, max_size=2), max_size=4),
)
def test_any_values(folder: Path, value: dict[str, object], steps: list[object]) -> None:
    check(folder, dump({**value, "steps": steps}).encode())


@ANY
@given(name=st.text() | st.from_regex(r"[a-z0-9._/-]+"))
def test_a_name_is_never_a_path(name: str) -> None:
    try:
        check_name(name)
    except ValueError:
        return
    assert Path(name).name == name
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith((".", "-"))
    assert ".." not in name


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a b", "a\n", "\n", "", ".", "..", "a..b", "-x", "A", "é", "a" * 64, "a\0", "a:b", "a@b"]
)
def test_names_that_are_refused(folder: Path, name: str) -> None:
    file = folder / "recipe.yaml"
    file.write_text(f"name: {dump(name)}\n{BASE}\n")
    with pytest.raises(RecipeError, match="name: must be lower-case letters"):
        load(file)
