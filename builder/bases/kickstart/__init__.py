"""Bases from an unattended install: EL and Fedora with a kickstart, Debian with a preseed file."""

from builder.bases.kickstart.base import KickstartBase
from builder.bases.kickstart.model import Kickstart

__all__ = ["Kickstart", "KickstartBase"]
