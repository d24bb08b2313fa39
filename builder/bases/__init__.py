"""The disks that recipes start from, one module for each kind."""

from builder.bases.base import Base, Firmware, Wanted, Workshop
from builder.bases.bootstrap import BootstrapBase
from builder.bases.image import ImageBase

__all__ = ["Base", "BootstrapBase", "Firmware", "ImageBase", "Wanted", "Workshop"]
