from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree


class SelinuxRelabelOperation(Operation):
    """Files that a build creates or replaces have no label, and confined services cannot read them."""

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if self._needs_labels(guest):
            selinux.relabel(guest)
        else:
            guest.remove(selinux.AUTORELABEL)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        if self._needs_labels(guest):
            yield from selinux.check_labels(guest)
        else:
            scheduled = guest.exists(selinux.AUTORELABEL)
            yield Finding(not scheduled, f"{selinux.AUTORELABEL} {'exists' if scheduled else 'does not exist'}")

    def _needs_labels(self, guest: Guest) -> bool:
        return selinux.find_mode(guest) in ("permissive", "enforcing")


SELINUX_RELABEL = SelinuxRelabelOperation(
    "selinux-relabel", "Set the SELinux labels of all files, if the guest uses SELinux.", last=2
)
