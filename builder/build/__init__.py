"""The driver of builds: executes a plan, action by action, in one appliance."""

from builder.build.base import prepare_base
from builder.build.build import Result, build

__all__ = ["Result", "build", "prepare_base"]
