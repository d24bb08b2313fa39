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
    """Set the SELinux labels of all files, according to the guest's policy.

    A recipe rarely needs this step: if SELinux is permissive or enforcing, the seal operation
    `selinux-relabel` does the same after the last change. If the guest lacks the policy or setfiles,
    nodes set the labels at their first boot instead (/.autorelabel).
    """

    relabel: Literal[True] = Field(default=True, description="Must be true: the step has no other options.")

    def apply(self, guest: Guest) -> None:
        mode = selinux.find_mode(guest)
        if mode in (None, "disabled"):
            reason = "disabled" if mode else "not installed"
            raise GuestError(
                f"cannot set SELinux labels: SELinux is {reason} in the guest", hint="remove this step from the recipe"
            )
        selinux.relabel(guest)

    def check(self, guest: Guest) -> Iterator[Finding]:
        return selinux.check_labels(guest)
