"""Removing versions that nobody needs; never one on which something stands."""

from builder.prune.execute import PruneRequest, foresee, prune
from builder.prune.plan import PruneDecision, PrunePlan, RetentionPolicy, plan_prune

__all__ = ["PruneDecision", "PrunePlan", "PruneRequest", "RetentionPolicy", "foresee", "plan_prune", "prune"]
