"""Freeing the caches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from builder import locks
from builder.errors import HostError
from builder.paths import Output
from builder.prune.cache.plan import CacheLimits, FreePlan, plan_free
from builder.prune.cache.stock import CacheEntry, take_stock


def foresee(limits: CacheLimits, output: Output) -> FreePlan:
    """What `free` would remove. Changes nothing. Raises HostError."""
    try:
        return plan_free(take_stock(output), limits, time.time())
    except OSError as error:
        raise HostError("the caches cannot be read", details=str(error)) from error


def free(limits: CacheLimits, output: Output) -> FreePlan:
    """Remove what the limits say, while no build can begin and nothing is committed.

    Killed at any moment, every entry is whole, or counts as absent. Raises HostError; what was removed by
    then is.
    """
    with still(output):
        plan = foresee(limits, output)
        try:
            for each in plan.freed:
                remove(each.entry)
        except OSError as error:
            raise HostError("the caches cannot be freed", details=str(error)) from error
    return plan


@contextmanager
def still(output: Output) -> Iterator[None]:
    """Let no build begin, and none find or commit a layer, nor save an appliance."""
    with ExitStack() as held:
        held.enter_context(locks.held(output.work / ".lock"))
        for folder in (output.bases, output.layers):
            if folder.is_dir():
                held.enter_context(locks.held(folder / ".lock"))
        yield


def remove(entry: CacheEntry) -> None:
    """Remove its files, the one without which there is no entry first. Raises OSError."""
    for path in entry.paths:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
