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

SCRIPT_PATH = "/tmp/golden-seal-script"


@dataclass(frozen=True)
class ScriptOperation(Operation):
    """Set `seal: {script: FILE}`, a file on the host whose `#!` line names the interpreter.

    It runs after all other operations except `machine-id` and `selinux-relabel`.
    """

    script: Path | None = None

    def key(self) -> Any:
        return [*super().key(), digest.of_file(self.script) if self.script else None]

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if self.script is None:
            return
        guest.write(SCRIPT_PATH, self.script.read_bytes(), mode=0o700)
        try:
            guest.run(SCRIPT_PATH)
        finally:
            guest.remove(SCRIPT_PATH)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        left = SCRIPT_PATH in tree
        yield Finding(not left, f"{SCRIPT_PATH} {'still exists' if left else 'is gone'}")


SCRIPT = ScriptOperation("script", "Run a script of your own in the guest.", default=False, last=1)
