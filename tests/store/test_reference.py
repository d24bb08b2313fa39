from __future__ import annotations

import pytest

from builder.store import Reference

VERSION = "20261123.1-ab12cd34"


@pytest.mark.parametrize(
    ("text", "expected", "moves"),
    [
        ("web", Reference("web", "latest"), True),
        ("web@latest", Reference("web", "latest"), True),
        ("web@stable", Reference("web", "stable"), False),
        (f"web:{VERSION}", Reference("web", None, VERSION), False),
    ],
)
def test_what_means_a_version(text: str, expected: Reference, moves: bool) -> None:
    found = Reference.parse(text)
    assert (found, found.moves) == (expected, moves)
    assert Reference.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", '"" is not a valid template name: use '),
        ("Web", '"Web" is not a valid template name'),
        ("../web", '"../web" is not a valid template name'),
        ("a..b", '"a..b" is not a valid template name'),
        ("web\n", "is not a valid template name"),
        ("web:", '"" is not a valid version: versions look like 20261123.1-ab12cd34'),
        ("web:latest", "write a channel as web@latest"),
        ("web@", '"" is not a valid channel name'),
        ("web@a@b", '"a@b" is not a valid channel name'),
        (f"web@stable:{VERSION}", "is not a valid channel name"),
        (f"web:{VERSION}/..", "is not a valid version"),
    ],
)
def test_what_does_not(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Reference.parse(text)
