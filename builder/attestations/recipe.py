"""The copy of a recipe's text that goes with a version. It names secrets and holds none."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"
"""Stands in the copy for a password."""

PASSWORD = re.compile(r"(?P<before>://[^/:@\s\"']*:)[^/\s\"']+(?=@)")
"""In a URL, after its user's name and up to the last @ before its path."""


def without_passwords(text: str) -> str:
    """The text with the passwords of its URLs hidden."""
    return PASSWORD.sub(rf"\g<before>{HIDDEN}", text)


def hides_password(value: Any) -> bool:
    """Whether a password was hidden in a part of such a copy."""
    if isinstance(value, dict):
        return any(map(hides_password, value.values()))
    if isinstance(value, list):
        return any(map(hides_password, value))
    return isinstance(value, str) and re.search(rf"://[^/\s]*:{re.escape(HIDDEN)}@", value) is not None
