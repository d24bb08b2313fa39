from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

FLAG = "/.unconfigured"


class FlagReconfigurationOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        guest.write(FLAG, b"")

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        present = guest.exists(FLAG)
        yield Finding(present, f"{FLAG} {'exists' if present else 'is missing'}")


FLAG_RECONFIGURATION = FlagReconfigurationOperation(
    "flag-reconfiguration", "Make EL 6 and older ask for basic settings at the next boot.", default=False
)
