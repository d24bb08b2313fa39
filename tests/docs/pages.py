"""The pages that people read, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "recipes/README.md",
    PROJECT / "kickstart/README.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the line at which its text begins, and its text without indentation."""

    line: int
    text: str


def fenced(page: Path, language: str) -> Iterator[Block]:
    """The page's fenced blocks in one language, in order."""
    text = page.read_text()
    for found in FENCE.finditer(text):
        if found[2] == language:
            lines = [line.removeprefix(found[1]) for line in found[3].splitlines(keepends=True)]
            yield Block(text.count("\n", 0, found.start(3)) + 1, "".join(lines))


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The page's lines outside fenced blocks, each with its number."""
    text = FENCE.sub(lambda found: "\n" * found[0].count("\n"), page.read_text())
    yield from enumerate(text.splitlines(), 1)
