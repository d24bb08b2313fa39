"""Bases from packages alone: one module per bootstrap tool, and one that turns the result into a disk."""

from builder.bases.bootstrap.base import BootstrapBase
from builder.bases.bootstrap.debian import DebianBootstrap
from builder.bases.bootstrap.dnf import DnfBootstrap
from builder.bases.bootstrap.layout import DiskLayout, lay_out

__all__ = ["BootstrapBase", "DebianBootstrap", "DiskLayout", "DnfBootstrap", "lay_out"]
