"""Unattended installs: an installer's kernel and initrd run in a machine of their own until it powers off."""

from builder.installer.install import install
from builder.installer.order import Limits, Order, seen_from_installer

__all__ = ["Limits", "Order", "install", "seen_from_installer"]
