"""The kinds of base: the disks that recipes start from. One module per kind."""

from builder.bases.base import Base, BaseRequest, BuildContext, Firmware
from builder.bases.bootstrap import BootstrapBase
from builder.bases.image import ImageBase
from builder.bases.kickstart import Kickstart, KickstartBase
from builder.bases.template import TemplateBase

__all__ = [
    "BASES",
    "Base",
    "BaseRequest",
    "BootstrapBase",
    "BuildContext",
    "Firmware",
    "ImageBase",
    "Kickstart",
    "KickstartBase",
    "TemplateBase",
]

BASES: dict[str, type[Base]] = {
    "image": ImageBase,
    "bootstrap": BootstrapBase,
    "kickstart": KickstartBase,
    "template": TemplateBase,
}
"""The kinds of base, by the key that names each in a recipe."""
