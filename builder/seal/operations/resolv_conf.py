from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

RESOLV_CONF = "/etc/resolv.conf"

APPLIANCE = "169.254.2.3"
"""The name server of libguestfs's network."""


class ResolvConfOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        """Empty it in place: a package may own it, and a DHCP client writes into it."""
        if self._is_appliances(guest, tree):
            guest.truncate(RESOLV_CONF)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        leaked = self._is_appliances(guest, tree)
        yield Finding(not leaked, f"{RESOLV_CONF} is {'' if leaked else 'not '}the appliance's")

    def _is_appliances(self, guest: Guest, tree: GuestTree) -> bool:
        return tree.is_free(RESOLV_CONF) and APPLIANCE in guest.read(RESOLV_CONF)


RESOLV_CONF_OPERATION = ResolvConfOperation(
    "resolv-conf", "Empty a resolv.conf that names the build's own name server."
)
