from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.steps.step import Step


class Selinux(Step, name="selinux", version=1, shorthand="mode", example="selinux: permissive"):
    """Choose the mode of SELinux in which a node starts.

    `permissive` and `enforcing` need a label on every file: the seal sets them, after the last edit of
    all. `disabled` needs none, and leaves no order behind to set them at a boot. From EL 9 on it only
    keeps the policy from being loaded; `kernel-args: {add: [selinux=0]}` turns SELinux off.
    """

    mode: selinux.Mode = Field(description="`disabled`, `permissive` or `enforcing`.")

    def apply(self, guest: Guest) -> None:
        selinux.set_mode(guest, self.mode)

    def check(self, guest: Guest) -> Iterator[Finding]:
        now = selinux.find_mode(guest)
        yield Finding(now == self.mode, f"SELinux is {now or 'not there'}")
        if self.mode == "disabled":
            ordered = guest.exists(selinux.AUTORELABEL)
            yield Finding(not ordered, f"{selinux.AUTORELABEL} is {'' if ordered else 'not '}there")
