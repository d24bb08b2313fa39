"""The driver of builds: executes a plan, action by action, in one appliance."""

from builder.pipeline.base import prepare_base
from builder.pipeline.build import BuildResult, build
from builder.pipeline.gate import Gate, Judge, SealedDisk

__all__ = ["BuildResult", "Gate", "Judge", "SealedDisk", "build", "prepare_base"]
