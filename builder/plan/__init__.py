"""The pure computation of what a build would do: reads state, never writes, starts no appliance."""

from builder.plan.action import Action, BaseAction, PublishAction, SealAction, StepAction
from builder.plan.ground import wanted
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
    "key_context",
    "make_plan",
    "step_digest",
    "wanted",
]
