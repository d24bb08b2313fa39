"""The caches: what is in them, and freeing what was of no use for the longest time."""

from builder.prune.cache.free import foresee, free
from builder.prune.cache.plan import Freed, FreePlan, Limits, plan_free
from builder.prune.cache.stock import Entry, take_stock

__all__ = ["Entry", "FreePlan", "Freed", "Limits", "foresee", "free", "plan_free", "take_stock"]
