"""The guest's own package manager behind one interface for steps. Inspection says which one a guest has."""

from __future__ import annotations

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.guest.packages.apt import Apt, index_file
from builder.guest.packages.dnf import Dnf
from builder.guest.packages.manager import Package, PackageManager
from builder.guest.packages.rpm import Rpm
from builder.guest.packages.yum import Yum
from builder.guest.packages.zypper import Zypper

__all__ = ["MANAGERS", "Package", "PackageManager", "Rpm", "index_file", "of"]

MANAGERS: dict[str, type[PackageManager]] = {"apt": Apt, "dnf": Dnf, "yum": Yum, "zypper": Zypper}
"""Package managers by their names in libguestfs."""


def of(guest: Guest) -> PackageManager:
    """The guest's package manager. Raises GuestError if golden does not support it."""
    name = guest.info.package_manager
    if name not in MANAGERS:
        raise GuestError(
            f"{guest.info.product} uses the package manager {name!r}, which golden does not support",
            hint="use a base with one of: " + ", ".join(MANAGERS),
        )
    return MANAGERS[name](guest)
