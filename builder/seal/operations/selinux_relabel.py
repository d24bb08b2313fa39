from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree


class SelinuxRelabelOperation(Operation):
    """Files that were made or replaced offline have no label, and a confined service could not read them."""

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if self._has_use(guest):
            selinux.relabel(guest)
        else:
            guest.remove(selinux.AUTORELABEL)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        if self._has_use(guest):
            yield from selinux.check_labels(guest)
        else:
            waits = guest.exists(selinux.AUTORELABEL)
            yield Finding(not waits, f"{selinux.AUTORELABEL} {'waits for a node' if waits else 'is not there'}")

    def _has_use(self, guest: Guest) -> bool:
        return selinux.find_mode(guest) in ("permissive", "enforcing")


SELINUX_RELABEL = SelinuxRelabelOperation(
    "selinux-relabel", "Give every file its SELinux label, where the guest uses SELinux.", last=2
)
