"""Patterns of guest paths: `*` and `?` within one name, dot-files too, `**` for any depth, `{a,b}` for either.

wcmatch has the language, with more than is wanted here: square brackets stand for themselves.
"""

from __future__ import annotations

import functools
import re

import bracex
from wcmatch import glob

WILD = re.compile(r"[*?]")


_FLAGS = glob.GLOBSTAR | glob.DOTMATCH | glob.FORCEUNIX
_BRACKETS = str.maketrans({"[": "\\[", "]": "\\]"})


def spell_out(pattern: str) -> list[str]:
    """A pattern without its braces: one pattern for each choice."""
    return list(bracex.iexpand(pattern))


def fixed_folder(pattern: str) -> str:
    """The folder that a pattern without braces searches: everything before its first wild name, or its last name."""
    names = pattern.split("/")
    wild = next((number for number, name in enumerate(names) if WILD.search(name)), len(names) - 1)
    return "/".join(names[:wild])


@functools.cache
def compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression whose fullmatch is: some pattern matches the whole path."""
    spelled = [one.translate(_BRACKETS) for pattern in patterns for one in spell_out(pattern)]
    expressions, _ = glob.translate(spelled, flags=_FLAGS, limit=0)
    return re.compile("|".join(f"(?:{one})" for one in expressions) or r"(?!)", re.DOTALL)
