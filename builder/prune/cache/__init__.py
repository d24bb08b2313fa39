"""The caches: listing their entries, and freeing the least recently used ones."""

from builder.prune.cache.free import foresee, free
from builder.prune.cache.plan import CacheLimits, FreedEntry, FreePlan, plan_free
from builder.prune.cache.stores import list_entries

__all__ = ["CacheLimits", "FreePlan", "FreedEntry", "foresee", "free", "list_entries", "plan_free"]
