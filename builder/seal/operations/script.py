from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder import digest
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

PLACE = "/tmp/golden-seal-script"


@dataclass(frozen=True)
class ScriptOperation(Operation):
    """It runs in the guest, by its own #! line, when all but the machine's identifier is sealed.

    `seal: {script: FILE}` names it; without that there is nothing to run.
    """

    script: Path | None = None

    def key(self) -> Any:
        return [*super().key(), digest.of_file(self.script) if self.script else None]

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if self.script is None:
            return
        guest.write(PLACE, self.script.read_bytes(), mode=0o700)
        try:
            guest.run(PLACE)
        finally:
            guest.remove(PLACE)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        left = PLACE in tree
        yield Finding(not left, f"{PLACE} is {'left' if left else 'gone'}")


SCRIPT = ScriptOperation("script", "Run a script of the host's in the guest.", default=False, last=1)
