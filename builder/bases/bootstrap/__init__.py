"""Systems made from packages alone: one module for each tool that does it, one that makes a disk of the outcome."""

from builder.bases.bootstrap.base import BootstrapBase
from builder.bases.bootstrap.debian import DebianBootstrap
from builder.bases.bootstrap.dnf import DnfBootstrap
from builder.bases.bootstrap.layout import DiskLayout, lay_out

__all__ = ["BootstrapBase", "DebianBootstrap", "DiskLayout", "DnfBootstrap", "lay_out"]
