"""The names of nodes and their volumes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from builder.disks.formats import FORMATS
from builder.errors import RequestError
from builder.store.reference import VERSION

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""One label of a host name: a node's name is its host name, its domain name, and part of its file names."""

BRACES = re.compile(r"([^{}]*)\{([0-9]+)\.\.([0-9]+)\}([^{}]*)")
BASE = re.compile(rf"golden-(.+)-({VERSION.pattern.replace('(', '(?:')})\.(?:{'|'.join(FORMATS)})")
MAX_NODES = 1000
"""Maximum number of nodes in one call."""


def expand(words: Sequence[str], count: int | None = None) -> list[str]:
    """The node names that the words stand for: `node{1..20}`, or one word with `count`, stands for several.

    Raises RequestError for a name that cannot be a host name, and for duplicates.
    """
    if count is not None:
        if len(words) != 1:
            raise RequestError("--count needs exactly one node name", hint="give one name; golden numbers it")
        words = [f"{words[0]}{{1..{count}}}"]
    names = [name for word in words for name in _expand_braces(word)]
    if len(names) > MAX_NODES:
        raise RequestError(f"{len(names)} nodes in one call are too many", hint=f"name at most {MAX_NODES}")
    for name in names:
        check_name(name)
    if duplicates := [name for name, times in Counter(names).items() if times > 1]:
        raise RequestError(f"node name given twice: {', '.join(duplicates)}")
    return names


def _expand_braces(word: str) -> list[str]:
    found = BRACES.fullmatch(word)
    if not found:
        return [word]
    before, first, last, after = found.groups()
    # As in a shell: a leading zero pads all numbers.
    padded = any(len(number) > 1 and number.startswith("0") for number in (first, last))
    width = max(len(first), len(last)) if padded else 0
    low, high = int(first), int(last)
    if abs(high - low) >= MAX_NODES:
        raise RequestError(
            f"{word} stands for {abs(high - low) + 1} nodes, which are too many",
            hint=f"name at most {MAX_NODES}",
        )
    numbers = range(low, high + 1) if low <= high else range(low, high - 1, -1)
    return [f"{before}{number:0{width}}{after}" for number in numbers]


def check_name(name: str) -> str:
    """The name, if a node can have it. Raises RequestError."""
    if not NAME.fullmatch(name):
        raise RequestError(
            f"invalid node name {name!r}",
            hint="use letters, digits and inner hyphens, at most 63 characters: the name is also the host name",
        )
    return name


def natural_key(name: str) -> list[tuple[int, str]]:
    """A sort key that respects the numbers in a name: node2 comes before node10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def base_volume_name(template: str, version: str, format: str) -> str:
    """The volume of a version's disk in a pool, which backs the overlays of its nodes."""
    return f"golden-{template}-{version}.{format}"


def parse_base_volume_name(volume: str) -> tuple[str, str] | None:
    """The template and the version of a base volume; None if the name is not that of a base volume."""
    found = BASE.fullmatch(volume)
    return (found[1], found[2]) if found else None


def root_name(node: str) -> str:
    """The volume of a node's root disk."""
    return f"{node}.qcow2"


def disk_name(node: str, device: str) -> str:
    """The volume of an extra disk; `device` is its device in the node, such as `vdb`."""
    return f"{node}-{device}.qcow2"


def seed_name(node: str) -> str:
    """The volume that cloud-init reads at a node's first boot."""
    return f"{node}-seed.iso"


def log_name(node: str) -> str:
    """The console log of a node under the embedded driver, which has no daemon to keep it."""
    return f"{node}.log"
