"""Running an install, from a process that may be killed at any moment."""

from __future__ import annotations

from builder.events import Emit
from builder.installer.order import Order


def install(order: Order, emit: Emit) -> None:
    raise NotImplementedError
