"""Published templates: immutable versions and the channels that point to them."""

from builder.store.reference import Reference
from builder.store.store import Store, Version
from builder.store.verification import Verification

__all__ = ["Reference", "Store", "Verification", "Version"]
