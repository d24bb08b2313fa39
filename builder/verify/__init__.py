"""Proof by boot: two clones of a version, what they say of themselves, and what becomes of it."""

from builder.verify.verify import BootGate, Settings, error_of, verify

__all__ = ["BootGate", "Settings", "error_of", "verify"]
