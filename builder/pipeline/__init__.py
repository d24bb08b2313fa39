"""The driver of builds: executes a plan, action by action, in one appliance."""

from builder.pipeline.base import prepare_base
from builder.pipeline.build import Result, build
from builder.pipeline.gate import Branch, Gate, Judge

__all__ = ["Branch", "Gate", "Judge", "Result", "build", "prepare_base"]
