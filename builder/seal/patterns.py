"""Glob patterns for guest paths.

`*` and `?` match within one name, including a leading dot; `**` matches any number of folders; `{a,b}`
matches either. wcmatch implements them. Square brackets have no special meaning.
"""

from __future__ import annotations

import functools
import re

import bracex
from wcmatch import glob

WILDCARD = re.compile(r"[*?]")
_FLAGS = glob.GLOBSTAR | glob.DOTMATCH | glob.FORCEUNIX
_BRACKETS = str.maketrans({"[": "\\[", "]": "\\]"})


def spell_out(pattern: str) -> list[str]:
    """Expand the braces of a pattern: return one pattern for each alternative."""
    return list(bracex.iexpand(pattern))


def fixed_folder(pattern: str) -> str:
    """Return the folder that a pattern without braces searches: all names before the first one with a wildcard."""
    names = pattern.split("/")
    end = next((number for number, name in enumerate(names) if WILDCARD.search(name)), len(names) - 1)
    return "/".join(names[:end])


@functools.cache
def compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return one expression whose fullmatch tells whether any of the patterns matches a path."""
    spelled = [one.translate(_BRACKETS) for pattern in patterns for one in spell_out(pattern)]
    expressions, _ = glob.translate(spelled, flags=_FLAGS, limit=0)
    return re.compile("|".join(f"(?:{one})" for one in expressions) or r"(?!)", re.DOTALL)
