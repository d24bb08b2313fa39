"""Disks made by an unattended install: of EL and Fedora by a kickstart, of Debian by a preseed file."""

from builder.bases.kickstart.base import KickstartBase
from builder.bases.kickstart.model import Kickstart

__all__ = ["Kickstart", "KickstartBase"]
