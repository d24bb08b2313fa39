"""The number of processors of an appliance."""

from __future__ import annotations

import os

from builder.errors import RequestError

PROCESSORS = "GOLDEN_SMP"
"""The environment variable for the number of processors of an appliance."""


def count_processors() -> int:
    """The number of processors: GOLDEN_SMP if set, else the host's, at most 4. Raises RequestError."""
    if value := os.environ.get(PROCESSORS):
        if not value.isdecimal() or not 1 <= int(value) <= 255:
            raise RequestError(
                f"{PROCESSORS} is not a valid number of processors: {value!r}", hint="set it to a number from 1 to 255"
            )
        return int(value)
    return min(os.cpu_count() or 1, 4)
