from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

INITIATOR = "/etc/iscsi/initiatorname.iscsi"

REQUEST = "GenerateName=yes\n"
"""Debian's iscsid does not start without the file, and makes a name when it finds this in it. EL wants no file."""


class IscsiInitiatorOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if not tree.is_free(INITIATOR):
            return
        if guest.info.family == "debian":
            guest.write(INITIATOR, REQUEST)
        else:
            guest.remove(INITIATOR)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        named = tree.is_free(INITIATOR) and guest.read(INITIATOR) != REQUEST
        yield Finding(not named, f"{INITIATOR} {'holds a name' if named else 'holds no name'}")


ISCSI_INITIATOR = IscsiInitiatorOperation(
    "iscsi-initiator", "Let each machine make an iSCSI initiator name of its own."
)
