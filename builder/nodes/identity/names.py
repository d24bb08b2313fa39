"""What nodes and their volumes are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from builder.errors import RequestError
from builder.store.reference import VERSION

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""One label of a host name: a node's name is its host name, its domain's, and part of its files'."""

BRACES = re.compile(r"([^{}]*)\{([0-9]+)\.\.([0-9]+)\}([^{}]*)")
BASE = re.compile(rf"golden-(.+)-({VERSION.pattern.replace('(', '(?:')})\.(?:qcow2|raw)")
MOST = 1000
"""Nodes in one call."""


def expand(words: Sequence[str], count: int | None = None) -> list[str]:
    """The names that the words stand for: `node{1..20}` counts, as does `count` on a single word.

    Raises RequestError for a name that cannot be a host's, and for one that comes twice.
    """
    if count is not None:
        if len(words) != 1:
            raise RequestError("--count takes one name, to which the numbers are added")
        words = [f"{words[0]}{{1..{count}}}"]
    names = [name for word in words for name in _count(word)]
    if len(names) > MOST:
        raise RequestError(f"{len(names)} nodes in one call", hint=f"at most {MOST}")
    for name in names:
        check_name(name)
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise RequestError(f"named twice: {', '.join(twice)}")
    return names


def _count(word: str) -> list[str]:
    found = BRACES.fullmatch(word)
    if not found:
        return [word]
    before, first, last, after = found.groups()
    # As in a shell: a leading zero pads all numbers.
    padded = any(len(number) > 1 and number.startswith("0") for number in (first, last))
    width = max(len(first), len(last)) if padded else 0
    low, high = int(first), int(last)
    if abs(high - low) >= MOST:
        raise RequestError(f"{word} stands for {abs(high - low) + 1} names", hint=f"at most {MOST}")
    numbers = range(low, high + 1) if low <= high else range(low, high - 1, -1)
    return [f"{before}{number:0{width}}{after}" for number in numbers]


def check_name(name: str) -> str:
    """A node's name. Raises RequestError."""
    if not NAME.fullmatch(name):
        raise RequestError(
            f"a node cannot be called {name!r}",
            hint="letters, digits and inner hyphens, at most 63: it is the node's host name",
        )
    return name


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts names by the numbers in them: node2 before node10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def base_volume_name(template: str, version: str, format: str) -> str:
    """The volume of a version's disk in a pool, on which nodes' overlays stand."""
    return f"golden-{template}-{version}.{format}"


def parse_base_volume_name(volume: str) -> tuple[str, str] | None:
    """The template and the version that a volume of that name is the disk of; None where it is none's."""
    found = BASE.fullmatch(volume)
    return (found[1], found[2]) if found else None


def root_name(node: str) -> str:
    """A node's own overlay."""
    return f"{node}.qcow2"


def disk_name(node: str, device: str) -> str:
    """A further disk, by its device in the node: `vdb`."""
    return f"{node}-{device}.qcow2"


def seed_name(node: str) -> str:
    """What cloud-init reads at a node's first boot."""
    return f"{node}-seed.iso"


def log_name(node: str) -> str:
    """What the console of a node shows, where no daemon keeps that."""
    return f"{node}.log"
