"""Verifies a version: boots two clones of it and checks what they report."""

from builder.verify.verify import BootGate, VerifySettings, error_of, verify

__all__ = ["BootGate", "VerifySettings", "error_of", "verify"]
