from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import firstboot
from builder.guest.guest import Guest
from builder.steps.step import Command, Step


class FirstbootCommand(
    Step,
    name="firstboot-command",
    version=2,
    shorthand="command",
    example="firstboot-command: ssh-keygen -q -N '' -t ed25519 -f /root/.ssh/id_ed25519",
):
    """Run a command once, at a node's first boot.

    The steps `firstboot`, `firstboot-command` and `firstboot-install` run in the order of the recipe.
    If one fails, the next still runs. Their output goes to /var/log/golden-firstboot.log on the node.
    The guest needs systemd.
    """

    command: Command = Field(description="One or more lines, run as root by /bin/sh.")

    @property
    def _script(self) -> str:
        return f"#!/bin/sh\n{self.command.rstrip()}\n"

    def apply(self, guest: Guest) -> None:
        firstboot.add_script(guest, self._script)

    def check(self, guest: Guest) -> Iterator[Finding]:
        return firstboot.check_script(guest, self._script)

    def kept_paths(self) -> Iterable[str]:
        return firstboot.KEPT
