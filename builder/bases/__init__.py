"""The disks that recipes start from, one module for each kind."""

from builder.bases.base import Base, BaseRequest, Firmware, Workshop
from builder.bases.bootstrap import BootstrapBase
from builder.bases.image import ImageBase
from builder.bases.kickstart import Kickstart, KickstartBase
from builder.bases.template import TemplateBase

__all__ = [
    "Base",
    "BaseRequest",
    "BootstrapBase",
    "Firmware",
    "ImageBase",
    "Kickstart",
    "KickstartBase",
    "TemplateBase",
    "Workshop",
]
