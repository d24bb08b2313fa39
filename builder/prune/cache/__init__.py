"""The caches: what is in them, and freeing what was of no use for the longest time."""

from builder.prune.cache.free import foresee, free
from builder.prune.cache.plan import CacheLimits, FreedEntry, FreePlan, plan_free
from builder.prune.cache.stock import CacheEntry, take_stock

__all__ = ["CacheEntry", "CacheLimits", "FreePlan", "FreedEntry", "foresee", "free", "plan_free", "take_stock"]
