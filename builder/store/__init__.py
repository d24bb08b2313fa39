"""Published templates: immutable versions and the channels that point to them."""

from builder.store.reference import Reference
from builder.store.store import Store, Version

__all__ = ["Reference", "Store", "Version"]
