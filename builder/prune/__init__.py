"""Removing versions that are no longer needed; never one that is in use."""

from builder.prune.execute import PruneRequest, foresee, prune
from builder.prune.plan import PruneDecision, PrunePlan, RetentionPolicy, plan_prune

__all__ = ["PruneDecision", "PrunePlan", "PruneRequest", "RetentionPolicy", "foresee", "plan_prune", "prune"]
