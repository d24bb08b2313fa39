"""The driver of builds: executes a plan, action by action, in one appliance."""

from builder.build.base import prepare_base
from builder.build.build import Result, build
from builder.build.gate import Branch, Gate, Judge

__all__ = ["Branch", "Gate", "Judge", "Result", "build", "prepare_base"]
