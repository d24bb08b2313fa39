from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import digest

VALUES = st.recursive(
    st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=4),
    max_leaves=10,
)


def test_canonical_json() -> None:
    assert digest.canonical({"b": [1, None, True], "a": "é"}) == '{"a":"é","b":[1,null,true]}'.encode()


def test_a_digest_is_pinned() -> None:
    """Every layer key uses it: if it changed, golden would find nothing in any cache."""
    assert digest.of_value({"b": [1, None], "a": "é"}) == (
        "3d92f6368f93f3cb36a4e7a721098054dfbfd705e31fa50409f2d99e0727a08c"
    )


@given(value=st.dictionaries(st.text("abc", max_size=2), VALUES))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert digest.of_value(value) == digest.of_value(dict(reversed(value.items())))


@given(one=VALUES, other=VALUES)
def test_what_differs_has_other_digests(one: Any, other: Any) -> None:
    assert (digest.of_value([one]) == digest.of_value([other])) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"), [(["ab"], ["a", "b"]), ("1", 1), ([], {}), (None, ""), (True, 1), ([[], 1], [[1]])]
)
def test_bounds_and_types_matter(one: Any, other: Any) -> None:
    assert digest.of_value(one) != digest.of_value(other)


@pytest.mark.parametrize(("value", "error"), [({1, 2}, TypeError), (float("nan"), ValueError), (Path(), TypeError)])
def test_what_json_has_no_word_for(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        digest.of_value(value)


def test_of_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "CHUNK", 1000)
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 10)
    progress: list[int] = []
    assert digest.of_file(file, progress.append) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert progress == [1000, 2000, 2560]
    with pytest.raises(FileNotFoundError):
        digest.of_file(tmp_path / "none")


def test_keyed_needs_the_key() -> None:
    """Test case 2 of RFC 4231."""
    found = digest.keyed(b"Jefe", b"what do ya want for nothing?")
    assert found == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert digest.keyed(b"other", b"what do ya want for nothing?") != found
