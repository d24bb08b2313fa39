from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import Tree

FLAG = "/.unconfigured"


class FlagReconfiguration(Operation):
    def apply(self, guest: Guest, tree: Tree) -> None:
        guest.write(FLAG, b"")

    def check(self, guest: Guest, tree: Tree) -> Iterator[Finding]:
        there = guest.exists(FLAG)
        yield Finding(there, f"{FLAG} {'is there' if there else 'is missing'}")


FLAG_RECONFIGURATION = FlagReconfiguration(
    "flag-reconfiguration", "Make EL6 and older ask for settings at the next boot.", default=False
)
