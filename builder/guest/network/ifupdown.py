"""ifupdown, on Debian."""

from __future__ import annotations

import re

from builder.errors import GuestError
from builder.guest.network.backend import InterfaceSettings, NetworkBackend

INTERFACES = "/etc/network/interfaces"
DHCP_CLIENTS = ("/usr/sbin/dhclient", "/usr/sbin/dhcpcd", "/usr/sbin/udhcpc")
STANZA = re.compile(r"(iface|mapping|auto|allow-\S+|no-auto-down|no-scripts|source|source-directory|rename)\s")
"""The keywords that start a stanza of ifupdown's configuration."""


class Ifupdown(NetworkBackend):
    unit = "networking.service"
    writes_resolv_conf = False

    @staticmethod
    def path(name: str) -> str:
        return f"{INTERFACES}.d/{name}"

    def text(self, settings: InterfaceSettings) -> str:
        # `auto` would make networking.service wait and then fail when a node boots without the interface.
        lines = [f"allow-hotplug {settings.name}"]
        if settings.address is None:
            lines.append(f"iface {settings.name} inet dhcp")
        else:
            family = "inet6" if settings.version == 6 else "inet"
            lines += [f"iface {settings.name} {family} static", f"    address {settings.address}"]
            if settings.gateway:
                lines.append(f"    gateway {settings.gateway}")
            if settings.dns:
                # resolvconf reads this, if it is installed.
                lines.append(f"    dns-nameservers {' '.join(settings.dns)}")
        return "\n".join(lines) + "\n"

    def prepare(self, settings: InterfaceSettings) -> None:
        guest = self.guest
        if settings.address is None and not any(map(guest.is_file, DHCP_CLIENTS)):
            raise GuestError("the guest has no DHCP client", hint="install isc-dhcp-client in an earlier step")
        for path in [INTERFACES, *guest.glob(f"{INTERFACES}.d/*")]:
            text = guest.read(path) if guest.is_file(path) else ""
            kept = remove_interface(text, settings.name)
            if path == INTERFACES:
                if not re.search(r"^\s*iface\s+lo\s", kept, re.MULTILINE):
                    kept = f"{kept}\nauto lo\niface lo inet loopback\n"
                if not re.search(rf"^\s*source(-directory)?\s+{INTERFACES}\.d(/\*)?/?\s*$", kept, re.MULTILINE):
                    kept = f"{kept}\nsource {INTERFACES}.d/*\n"
            if kept != text:
                guest.write(path, kept.lstrip("\n"))


def remove_interface(text: str, name: str) -> str:
    """The text of an ifupdown file without the configuration of one interface."""
    lines = []
    removing = False
    for line in text.splitlines(keepends=True):
        words = line.split()
        if STANZA.match(line.lstrip()):
            removing = words[0] in ("iface", "mapping") and words[1:2] == [name]
            if re.fullmatch(r"auto|allow-\S+|no-auto-down|no-scripts", words[0]) and name in words[1:]:
                others = [word for word in words[1:] if word != name]
                line = " ".join([words[0], *others]) + "\n" if others else ""
        if not removing or line.lstrip().startswith("#"):
            lines.append(line)
    return "".join(lines)
