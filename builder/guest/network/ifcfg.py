"""The ifcfg files of EL up to 8, which both network-scripts and NetworkManager read.

The file sysconfig.txt of initscripts documents their options.
"""

from __future__ import annotations

import ipaddress
import re

from builder.guest import systemd
from builder.guest.network.backend import InterfaceSettings, NetworkBackend

FOLDER = "/etc/sysconfig/network-scripts"
INIT_SCRIPT = "/etc/rc.d/init.d/network"
NETWORK_MANAGER = "/usr/sbin/NetworkManager"


class Ifcfg(NetworkBackend):
    @staticmethod
    def path(name: str) -> str:
        return f"{FOLDER}/ifcfg-{name}"

    @property
    def unit(self) -> str:  # type: ignore[override]
        return "NetworkManager.service" if self.guest.is_file(NETWORK_MANAGER) else "network.service"

    def text(self, settings: InterfaceSettings) -> str:
        given = {"DEVICE": settings.name, "ONBOOT": "yes", "TYPE": "Ethernet"}
        if settings.address is None:
            given["BOOTPROTO"] = "dhcp"
        else:
            address = ipaddress.ip_interface(settings.address)
            given["BOOTPROTO"] = "none"
            if address.version == 6:
                given |= {"IPV6ADDR": settings.address, "IPV6_AUTOCONF": "no"}
            else:
                given |= {"IPADDR": str(address.ip), "PREFIX": str(address.network.prefixlen)}
            if settings.gateway:
                given["IPV6_DEFAULTGW" if address.version == 6 else "GATEWAY"] = settings.gateway
            given |= {f"DNS{number}": server for number, server in enumerate(settings.dns, 1)}
        given["IPV6INIT"] = "yes" if settings.ipv6 else "no"
        return "".join(f'{name}="{value}"\n' for name, value in given.items())

    def prepare(self, settings: InterfaceSettings) -> None:
        for path in self.guest.glob(f"{FOLDER}/ifcfg-*"):
            device = re.search(r"""^\s*DEVICE=["']?([^"'\s]*)""", self.guest.read(path), re.MULTILINE)
            if path != self.path(settings.name) and device and device[1] == settings.name:
                self.guest.remove(path)
        if self.unit == "NetworkManager.service":
            super().prepare(settings)
        elif not self.is_enabled():  # an init script, without a unit file
            self.guest.run(
                "chkconfig network on" if self.guest.is_file("/sbin/chkconfig") else "systemctl enable network"
            )

    def is_enabled(self) -> bool:
        if self.unit == "NetworkManager.service":
            return super().is_enabled()
        return bool(self.guest.glob("/etc/rc.d/rc3.d/S*network")) or systemd.is_enabled(self.guest, self.unit)
