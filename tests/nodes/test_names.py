"""Names of nodes, expanded as a shell expands them."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.disks import FORMATS
from builder.errors import RequestError
from builder.nodes.identity.names import (
    base_volume_name,
    disk_name,
    expand,
    natural_key,
    parse_base_volume_name,
    root_name,
    seed_name,
)


@pytest.mark.parametrize(
    ("words", "count", "names"),
    [
        (["node1"], None, ["node1"]),
        (["a", "b"], None, ["a", "b"]),
        (["node{1..3}"], None, ["node1", "node2", "node3"]),
        (["n{09..11}x"], None, ["n09x", "n10x", "n11x"]),
        (["n{3..1}"], None, ["n3", "n2", "n1"]),
        (["node"], 2, ["node1", "node2"]),
    ],
)
def test_expand(words: list[str], count: int | None, names: list[str]) -> None:
    assert expand(words, count) == names


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from(["", "0", "00"]))
def test_expands_as_bash_does(first: int, last: int, zeros: str) -> None:
    word = f"n{{{zeros}{first}..{last}}}"
    bash = subprocess.run(["bash", "-c", f"echo {word}"], capture_output=True, text=True, check=True).stdout.split()
    assert expand([word]) == bash


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a_b", "a.b", "a b", "a/b", "../a", "a\n", "ä", "x" * 64, "{1..2", "n{1..2}{3..4}", "<a>"]
)
def test_invalid_names(name: str) -> None:
    with pytest.raises(RequestError, match="invalid node name"):
        expand([name])


@pytest.mark.parametrize(
    ("words", "count", "message"),
    [
        (["a", "a"], None, "node name given twice: a"),
        (["n{1..3}", "n2"], None, "node name given twice: n2"),
        (["a", "b"], 2, "--count needs exactly one node name"),
        (["n{1..1001}"], None, "stands for 1001 nodes"),
        (["n{1..600}", "m{1..600}"], None, "1200 nodes in one call"),
    ],
)
def test_what_cannot_be_expanded(words: list[str], count: int | None, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        expand(words, count)


@given(st.text())
def test_any_text_is_host_names_or_an_error(text: str) -> None:
    try:
        names = expand([text])
    except RequestError:
        return
    for name in names:
        assert re.fullmatch("[A-Za-z0-9-]{1,63}", name)
        for volume in (root_name(name), disk_name(name, "vdb"), seed_name(name)):
            assert "/" not in volume


def test_natural_order() -> None:
    assert sorted(["n10", "n2", "n1", "a3"], key=natural_key) == ["a3", "n1", "n2", "n10"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_base_volume_of_every_format_is_known(format: str) -> None:
    """Prune finds the versions that nodes use by these names."""
    name = base_volume_name("my-web.2", "20261123.1-ab12cd34", format)
    assert parse_base_volume_name(name) == ("my-web.2", "20261123.1-ab12cd34")
