"""The disks that recipes start from, one module for each kind."""

from builder.bases.base import Base, Wanted, Workshop
from builder.bases.bootstrap import Bootstrap, BootstrapBase
from builder.bases.image import ImageBase
from builder.bases.kickstart import Kickstart, KickstartBase
from builder.bases.template import TemplateBase

__all__ = [
    "Base",
    "Bootstrap",
    "BootstrapBase",
    "ImageBase",
    "Kickstart",
    "KickstartBase",
    "TemplateBase",
    "Wanted",
    "Workshop",
]
