"""Freeing the caches."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from builder.errors import HostError
from builder.paths import Output
from builder.prune.cache.plan import CacheLimits, FreePlan, plan_free
from builder.prune.cache.stores import find_stores, list_entries
from builder.storage import PrunableStore


def foresee(limits: CacheLimits, output: Output) -> FreePlan:
    """What `free` would remove. Changes nothing. Raises HostError."""
    try:
        return plan_free(list_entries(output), limits, time.time())
    except OSError as error:
        raise HostError(
            "cannot read the caches in the output folder",
            details=str(error),
            hint="check the permissions of the folder above",
        ) from error


def free(limits: CacheLimits, output: Output) -> FreePlan:
    """Remove what exceeds the limits, while every store is locked.

    If the process is killed meanwhile, every entry is either whole or counts as absent. Raises HostError; entries
    that were removed by then stay removed.
    """
    stores = find_stores(output)
    store_of = {kind: store for store in stores for kind in store.kinds}
    with locked(stores):
        plan = foresee(limits, output)
        try:
            for each in plan.freed:
                store_of[each.entry.kind].free(each.entry)
        except OSError as error:
            raise HostError(
                "cannot remove cache entries", details=str(error), hint="check the permissions of the folder above"
            ) from error
    return plan


@contextmanager
def locked(stores: Iterable[PrunableStore]) -> Iterator[None]:
    """Lock every store. Raises HostError."""
    with ExitStack() as held:
        for store in stores:
            held.enter_context(store.locked())
        yield
