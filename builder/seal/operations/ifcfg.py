"""The two operations that remove lines from the ifcfg files of EL and SUSE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation, shorten
from builder.seal.tree import GuestTree

FILES = ("/etc/sysconfig/{network-scripts,network}/ifcfg-*",)


@dataclass(frozen=True)
class IfcfgOperation(Operation):
    variables: tuple[str, ...] = ()
    """The variables whose assignments are removed."""

    def _without(self, text: str) -> str:
        return re.sub(rf"^[ \t]*({'|'.join(self.variables)})=.*\n?", "", text, flags=re.MULTILINE)

    def _assigned_files(self, guest: Guest, tree: GuestTree) -> Iterator[tuple[str, str]]:
        """Yield each file that assigns one of the variables, with its text after the removal."""
        for path in sorted(tree.find_files(FILES)):
            text = guest.read(path)
            without = self._without(text)
            if without != text:
                yield path, without

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        for path, text in self._assigned_files(guest, tree):
            guest.write(path, text)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        assigned = [path for path, _ in self._assigned_files(guest, tree)]
        words = " or ".join(self.variables)
        yield Finding(not assigned, f"{words} set in {shorten(assigned)}" if assigned else f"{words} set in no file")


NET_HOSTNAME = IfcfgOperation(
    "net-hostname", "Remove host names from ifcfg files.", variables=("HOSTNAME", "DHCP_HOSTNAME")
)
NET_HWADDR = IfcfgOperation("net-hwaddr", "Remove hardware addresses from ifcfg files.", variables=("HWADDR",))
