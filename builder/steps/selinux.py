from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.steps.step import Step, compare


class Selinux(Step, name="selinux", version=1, shorthand="mode", example="selinux: permissive"):
    """Set the SELinux mode in which nodes start.

    `permissive` and `enforcing` need a label on every file; the seal sets the labels after the last
    change. `disabled` needs no labels, and cancels a relabel at the next boot. On EL 9 and later,
    `disabled` only prevents the policy from being loaded; `kernel-args: {add: [selinux=0]}` turns
    SELinux off completely.
    """

    mode: selinux.Mode = Field(description="The mode at boot.")

    def apply(self, guest: Guest) -> None:
        selinux.set_mode(guest, self.mode)

    def check(self, guest: Guest) -> Iterator[Finding]:
        now = selinux.find_mode(guest)
        yield compare("SELinux is", now or "not installed", self.mode)
        if self.mode == "disabled":
            scheduled = guest.exists(selinux.AUTORELABEL)
            yield Finding(not scheduled, f"{selinux.AUTORELABEL} {'exists' if scheduled else 'does not exist'}")
