"""Proof by boot: two clones of a version, what they say of themselves, and what becomes of it."""

from builder.verify.verify import BootGate, VerifySettings, error_of, verify

__all__ = ["BootGate", "VerifySettings", "error_of", "verify"]
