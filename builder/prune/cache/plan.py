"""Which entries of the caches go; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from builder.storage import CacheEntry

DAY = 86400


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """What the caches may hold: `max_size` bytes in all, and nothing that was of no use for `days`."""

    max_size: int | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class FreedEntry:
    """An entry that goes, and why."""

    entry: CacheEntry
    reason: str


@dataclass(frozen=True, slots=True)
class FreePlan:
    """`freed` in the order in which they go: never something before what stands on it."""

    freed: tuple[FreedEntry, ...]
    kept: tuple[CacheEntry, ...]

    @property
    def bytes(self) -> int:
        return sum(each.entry.bytes for each in self.freed)


def plan_free(entries: Sequence[CacheEntry], limits: CacheLimits, now: float) -> FreePlan:
    """What is useless goes first, then what was not used for the longest time; `now` in seconds since 1970.

    Of what versions that channels name were made the rest goes last. Nothing goes that is in use, or on
    which something stands that stays.
    """
    last, depth, made = last_uses(entries)

    def rank(at: int) -> tuple[bool, bool, float, int, str]:
        # What stands on others comes before these, which are then of use no more.
        return not entries[at].useless, made[at], last[at], -depth[at], entries[at].key

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
    """Why an entry goes, `idle` seconds after its last use; None where it stays."""
    if entry.useless:
        return entry.useless
    if limits.days is not None and idle > limits.days * DAY:
        return f"not used for {int(idle / DAY)} days"
    if limits.max_size is not None and size > limits.max_size:
        return "not used for longer than what stays"
    return None


def last_uses(entries: Sequence[CacheEntry]) -> tuple[list[float], list[int], list[bool]]:
    """When each entry, or what stands on it, was used last, infinity for now; on how many others it stands; and
    whether a version that a channel names was made of it."""
    place = {entry.id: at for at, entry in enumerate(entries) if entry.id}
    last = [math.inf if entry.in_use else entry.used for entry in entries]
    depth = [0] * len(entries)
    made = [entry.made is not None for entry in entries]
    for at, entry in enumerate(entries):
        below, seen = entry.parent, {entry.id}
        while below in place and below not in seen:
            seen.add(below)
            depth[at] += 1
            # A useless one does not keep what it stands on.
            if entry.in_use or not entry.useless:
                last[place[below]] = max(last[place[below]], last[at])
                made[place[below]] |= entry.made is not None
            below = entries[place[below]].parent
    return last, depth, made
