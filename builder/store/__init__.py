"""Published templates: immutable versions and the channels that point to them."""

from builder.store.history import ChannelMove
from builder.store.reference import Reference
from builder.store.store import Rollback, Store, Version
from builder.store.verification import Verification

__all__ = ["ChannelMove", "Reference", "Rollback", "Store", "Verification", "Version"]
