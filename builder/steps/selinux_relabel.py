from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.steps.step import Step


class SelinuxRelabel(Step, name="selinux-relabel", version=1, shorthand="relabel", example="selinux-relabel: true"):
    """Give every file the label that the guest's SELinux policy has for it.

    A recipe need not say it: unless told to skip its `selinux-relabel`, the seal does it after the last
    edit of all, where SELinux is permissive or enforcing. What cannot be labelled before, for want of
    a policy or of setfiles in the guest, a node labels at its first boot (/.autorelabel).
    """

    relabel: Literal[True] = Field(default=True, description="Always true.")

    def apply(self, guest: Guest) -> None:
        mode = selinux.find_mode(guest)
        if mode in (None, "disabled"):
            how = "is disabled" if mode else "is not there"
            raise GuestError(f"SELinux {how} in the guest: labels would have no use")
        selinux.relabel(guest)

    def check(self, guest: Guest) -> Iterator[Finding]:
        return selinux.check_labels(guest)
