from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import firstboot, packages
from builder.guest.guest import Guest
from builder.steps.step import PackageName, Step


class FirstbootInstall(
    Step, name="firstboot-install", version=1, shorthand="packages", example="firstboot-install: [lftp, lrzsz]"
):
    """Install packages once at a node's first boot, from the repositories that the node then has.

    It takes its turn among `firstboot` and `firstboot-command`, and waits for the network. What the
    package manager prints is kept on the node, in /var/log/golden-firstboot.log. The guest needs systemd.
    """

    packages: list[PackageName] = Field(
        description="Names of packages, as the guest's own package manager has them.", min_length=1
    )

    def _script(self, guest: Guest) -> str:
        command = packages.of(guest).own_command(self.packages)
        return f"#!/bin/sh\nsystemctl start network-online.target\n{command}\n"

    def apply(self, guest: Guest) -> None:
        firstboot.add_script(guest, self._script(guest))

    def check(self, guest: Guest) -> Iterator[Finding]:
        return firstboot.check_script(guest, self._script(guest))

    def kept_paths(self) -> Iterable[str]:
        return firstboot.KEPT
