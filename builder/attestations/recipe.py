"""The copy of a recipe's text that goes with a version. It names secrets and holds none."""

from __future__ import annotations

import re

HIDDEN = "***"
"""Stands in the copy for a password."""

PASSWORD = re.compile(r"(?P<before>://[^/:@\s\"']*:)[^/@\s\"']+(?=@)")
"""In a URL, after its user's name."""


def without_passwords(text: str) -> str:
    """The text with the passwords of its URLs hidden."""
    return PASSWORD.sub(rf"\g<before>{HIDDEN}", text)
