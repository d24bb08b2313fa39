from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

INITIATOR = "/etc/iscsi/initiatorname.iscsi"

REQUEST = "GenerateName=yes\n"
"""On Debian, this line makes iscsid generate a name; without the file it does not start. EL needs no file."""


class IscsiInitiatorOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if not tree.is_editable(INITIATOR):
            return
        if guest.info.family == "debian":
            guest.write(INITIATOR, REQUEST)
        else:
            guest.remove(INITIATOR)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        named = tree.is_editable(INITIATOR) and guest.read(INITIATOR) != REQUEST
        yield Finding(not named, f"{INITIATOR} {'has a name' if named else 'has no name'}")


ISCSI_INITIATOR = IscsiInitiatorOperation(
    "iscsi-initiator", "Remove the iSCSI initiator name, so that each machine generates its own."
)
