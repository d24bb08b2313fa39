"""Unattended installs: run an installer's kernel and initrd in their own machine until it powers off."""

from builder.installer.install import install
from builder.installer.order import InstallLimits, InstallOrder, seen_from_installer

__all__ = ["InstallLimits", "InstallOrder", "install", "seen_from_installer"]
