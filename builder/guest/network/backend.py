"""Network backends: the software that configures a guest's interfaces, and the files that it reads."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from builder.guest import systemd
from builder.guest.guest import Guest


@dataclass(frozen=True, slots=True)
class InterfaceSettings:
    """The settings of one interface. `address` includes the prefix length; without an address, it uses DHCP."""

    name: str
    address: str | None = None
    gateway: str | None = None
    dns: list[str] = field(default_factory=list)
    ipv6: bool = True

    @property
    def version(self) -> int:
        """The IP version of the address, 4 or 6; 4 without an address."""
        return ipaddress.ip_interface(self.address).version if self.address else 4


class NetworkBackend(ABC):
    """Network software with one configuration file per interface."""

    unit: ClassVar[str]
    """The service that reads the files."""
    mode: ClassVar[int] = 0o644
    """The permission bits of a file."""
    writes_resolv_conf: ClassVar[bool] = True
    """Whether it writes the name servers to /etc/resolv.conf itself."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    @staticmethod
    @abstractmethod
    def path(name: str) -> str:
        """The file of an interface."""

    @abstractmethod
    def text(self, settings: InterfaceSettings) -> str:
        """The text of that file."""

    def prepare(self, settings: InterfaceSettings) -> None:
        """Enable the service, and remove other configurations of the interface. Raises GuestError."""
        systemd.systemctl(self.guest, "enable", [self.unit])

    def is_enabled(self) -> bool:
        return systemd.is_enabled(self.guest, self.unit)
