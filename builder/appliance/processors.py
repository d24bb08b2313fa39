"""How many processors an appliance has."""

from __future__ import annotations

import os

from builder.errors import RequestError

PROCESSORS = "GOLDEN_SMP"
"""The environment variable that says how many processors an appliance has."""


def count_processors() -> int:
    """How many an appliance has: what GOLDEN_SMP says, else as many as the host, four at most. Raises RequestError."""
    if said := os.environ.get(PROCESSORS):
        if not said.isdecimal() or not 1 <= int(said) <= 255:
            raise RequestError(f"{PROCESSORS} is no number of processors: {said!r}", hint="it is one from 1 to 255")
        return int(said)
    return min(os.cpu_count() or 1, 4)
