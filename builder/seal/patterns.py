"""Patterns of guest paths: `*` and `?` within one name, dot-files too, `**` for any depth, `{a,b}` for either."""

from __future__ import annotations

import functools
import re

WILD = re.compile(r"[*?]")


def spell_out(pattern: str) -> list[str]:
    """A pattern without its braces: one pattern for each choice. Braces do not nest."""
    head, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    choices, _, tail = rest.partition("}")
    return [spelled for choice in choices.split(",") for spelled in spell_out(head + choice + tail)]


def fixed_folder(pattern: str) -> str:
    """The folder that a pattern without braces searches: everything before its first wild name, or its last name."""
    names = pattern.split("/")
    wild = next((number for number, name in enumerate(names) if WILD.search(name)), len(names) - 1)
    return "/".join(names[:wild])


@functools.cache
def compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression whose fullmatch is: some pattern matches the whole path."""
    spelled = [_expression(one) for pattern in patterns for one in spell_out(pattern)]
    return re.compile("|".join(spelled) or r"(?!)", re.DOTALL)


def _expression(pattern: str) -> str:
    *folders, last = pattern.strip("/").split("/")
    parts = ["(?:/[^/]+)*" if name == "**" else f"/{_name(name)}" for name in folders]
    return "".join(parts) + ("/.+" if last == "**" else f"/{_name(last)}")


def _name(name: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character)) for character in name)
