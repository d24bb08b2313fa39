"""Removing versions that nobody needs; never one on which something stands."""

from builder.prune.execute import Request, foresee, prune
from builder.prune.plan import Decision, Policy, PrunePlan, plan_prune

__all__ = ["Decision", "Policy", "PrunePlan", "Request", "foresee", "plan_prune", "prune"]
