"""Which entries of the caches are freed; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from builder.storage import CacheEntry

DAY = 86400


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """What the caches may hold: at most `max_size` bytes, and nothing unused for more than `days`."""

    max_size: int | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class FreedEntry:
    """An entry that is freed, and why."""

    entry: CacheEntry
    reason: str


@dataclass(frozen=True, slots=True)
class FreePlan:
    """`freed` is in order of removal: children before their parents."""

    freed: tuple[FreedEntry, ...]
    kept: tuple[CacheEntry, ...]

    @property
    def bytes(self) -> int:
        return sum(each.entry.bytes for each in self.freed)


def plan_free(entries: Sequence[CacheEntry], limits: CacheLimits, now: float) -> FreePlan:
    """Free useless entries first, then the least recently used ones; `now` is in seconds since 1970.

    Entries that versions with a channel were built from are freed last. An entry that is in use, or that an entry in
    use is based on, is kept.
    """
    last, depth, in_version = last_uses(entries)

    def rank(at: int) -> tuple[bool, bool, float, int, str]:
        # Children come before their parents.
        return not entries[at].useless, in_version[at], last[at], -depth[at], entries[at].key

    order = sorted(range(len(entries)), key=rank)
    size = sum(entry.bytes for entry in entries)
    freed: list[FreedEntry] = []
    kept: list[CacheEntry] = []
    for at in order:
        entry = entries[at]
        reason = None if last[at] == math.inf else _reason(entry, limits, size, now - last[at])
        if reason is None:
            kept.append(entry)
        else:
            freed.append(FreedEntry(entry, reason))
            size -= entry.bytes
    return FreePlan(tuple(freed), tuple(kept))


def _reason(entry: CacheEntry, limits: CacheLimits, size: int, idle: float) -> str | None:
    """Why an entry is freed, `idle` seconds after its last use; None if it is kept."""
    if entry.useless:
        return entry.useless
    if limits.days is not None and idle > limits.days * DAY:
        return f"not used for {int(idle / DAY)} days"
    if limits.max_size is not None and size > limits.max_size:
        return "used less recently than the entries kept"
    return None


def last_uses(entries: Sequence[CacheEntry]) -> tuple[list[float], list[int], list[bool]]:
    """For each entry: its last use or that of its children, infinity if in use; how many entries it is based on; and
    whether a version with a channel was built from it or its children."""
    place = {entry.id: at for at, entry in enumerate(entries) if entry.id}
    last = [math.inf if entry.in_use else entry.used for entry in entries]
    depth = [0] * len(entries)
    in_version = [entry.version is not None for entry in entries]
    for at, entry in enumerate(entries):
        parent, seen = entry.parent, {entry.id}
        while parent in place and parent not in seen:
            seen.add(parent)
            depth[at] += 1
            # A useless entry does not keep its parents.
            if entry.in_use or not entry.useless:
                last[place[parent]] = max(last[place[parent]], last[at])
                in_version[place[parent]] |= entry.version is not None
            parent = entries[place[parent]].parent
    return last, depth, in_version
