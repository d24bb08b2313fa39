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
    """Install packages at a node's first boot, from the node's own repositories.

    It runs in the order of the recipe with `firstboot` and `firstboot-command`, and waits for the
    network. Its output goes to /var/log/golden-firstboot.log on the node. The guest needs systemd.
    """

    packages: list[PackageName] = Field(
        description="Package names, as the guest's package manager knows them.", min_length=1
    )

    def _script(self, guest: Guest) -> str:
        command = packages.of(guest).install_command(self.packages)
        return f"#!/bin/sh\nsystemctl start network-online.target\n{command}\n"

    def apply(self, guest: Guest) -> None:
        firstboot.add_script(guest, self._script(guest))

    def check(self, guest: Guest) -> Iterator[Finding]:
        return firstboot.check_script(guest, self._script(guest))

    def kept_paths(self) -> Iterable[str]:
        return firstboot.KEPT
