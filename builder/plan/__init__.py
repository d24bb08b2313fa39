"""Plans: the pure computation of what a build would do. It reads state, writes nothing and starts no appliance."""

from builder.plan.action import Action, BaseAction, PublishAction, SealAction, StepAction
from builder.plan.base import base_request
from builder.plan.make import key_context, make_plan, step_digest
from builder.plan.plan import Plan
from builder.plan.refresh import Refresh, UpstreamMove

__all__ = [
    "Action",
    "BaseAction",
    "Plan",
    "PublishAction",
    "Refresh",
    "SealAction",
    "StepAction",
    "UpstreamMove",
    "base_request",
    "key_context",
    "make_plan",
    "step_digest",
]
