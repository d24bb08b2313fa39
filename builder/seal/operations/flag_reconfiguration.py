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
        there = guest.exists(FLAG)
        yield Finding(there, f"{FLAG} {'is there' if there else 'is missing'}")


FLAG_RECONFIGURATION = FlagReconfigurationOperation(
    "flag-reconfiguration", "Make EL6 and older ask for settings at the next boot.", default=False
)
