"""The copy of a recipe's text in a version. It names secrets but contains none."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"
"""Replaces a password in the copy."""

PASSWORD = re.compile(r"(?P<before>://[^/:@\s\"']*:)[^/\s\"']+(?=@)")
"""A password in a URL: from the user name to the last @ before the path."""


def without_passwords(text: str) -> str:
    """The text with the passwords of its URLs hidden."""
    return PASSWORD.sub(rf"\g<before>{HIDDEN}", text)


def hides_password(value: Any) -> bool:
    """Whether a password was hidden in this part of a copy."""
    if isinstance(value, dict):
        return any(map(hides_password, value.values()))
    if isinstance(value, list):
        return any(map(hides_password, value))
    return isinstance(value, str) and re.search(rf"://[^/\s]*:{re.escape(HIDDEN)}@", value) is not None
