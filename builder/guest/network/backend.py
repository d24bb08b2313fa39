"""What sets up a guest's network interfaces, and the files that it reads."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from builder.guest import systemd
from builder.guest.guest import Guest


@dataclass(frozen=True, slots=True)
class InterfaceSettings:
    """One interface. `address` has its prefix length; without one the interface asks by DHCP."""

    name: str
    address: str | None = None
    gateway: str | None = None
    dns: list[str] = field(default_factory=list)
    ipv6: bool = True

    @property
    def version(self) -> int:
        """4 or 6: what its address is."""
        return ipaddress.ip_interface(self.address).version if self.address else 4


class NetworkBackend(ABC):
    """One way to set up interfaces, by one file for each."""

    unit: ClassVar[str]
    """The service that reads the files."""
    mode: ClassVar[int] = 0o644
    writes_resolv_conf: ClassVar[bool] = True
    """Whether it tells the guest's programs of the name servers itself."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    @staticmethod
    @abstractmethod
    def path(name: str) -> str:
        """The file of an interface."""

    @abstractmethod
    def text(self, settings: InterfaceSettings) -> str:
        """What that file says."""

    def prepare(self, settings: InterfaceSettings) -> None:
        """See that the file is read, and that no other one speaks of the interface. Raises GuestError."""
        systemd.systemctl(self.guest, "enable", [self.unit])

    def is_enabled(self) -> bool:
        return systemd.is_enabled(self.guest, self.unit)
