from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

RESOLV_CONF = "/etc/resolv.conf"

APPLIANCE = "169.254.2.3"
"""The name server of libguestfs's user-mode network."""


class ResolvConfOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        """Empty the file in place: a package may own it, and a DHCP client writes to it."""
        if self._has_appliance_server(guest, tree):
            guest.truncate(RESOLV_CONF)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        leaked = self._has_appliance_server(guest, tree)
        yield Finding(not leaked, f"{RESOLV_CONF} {'has' if leaked else 'does not have'} the appliance's name server")

    def _has_appliance_server(self, guest: Guest, tree: GuestTree) -> bool:
        return tree.is_editable(RESOLV_CONF) and APPLIANCE in guest.read(RESOLV_CONF)


RESOLV_CONF_OPERATION = ResolvConfOperation(
    "resolv-conf", "Empty /etc/resolv.conf if it has the build's own name server."
)
