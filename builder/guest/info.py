"""The result of an inspection. It is stored with the base, because an inspection takes 15 s without KVM."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Family = Literal["debian", "redhat", "suse"]

FAMILIES: dict[Family, frozenset[str]] = {
    "debian": frozenset({"debian", "ubuntu", "linuxmint", "kalilinux"}),
    "redhat": frozenset(
        {"centos", "rhel", "almalinux", "rocky", "oraclelinux", "scientificlinux", "fedora", "redhat-based"}
    ),
    "suse": frozenset({"opensuse", "sles", "suse-based"}),
}
"""libguestfs's names of distributions, by family. The members of a family share files and tools."""

DISK = "DISK"
"""The placeholder in `mounts` for the disk's device, which may differ between sessions."""

DOMAIN_DISK = "/dev/vda"
"""The disk's device in a domain. The guest's files must use this name, whatever an appliance calls the disk."""


def find_family(distribution: str) -> Family | None:
    """The family of a distribution, by its name in libguestfs; None if golden does not support it."""
    return next((family for family, members in FAMILIES.items() if distribution in members), None)


@dataclass(frozen=True, slots=True)
class GuestInfo:
    """A guest's operating system, in libguestfs's terms.

    `mounts` maps mount points to devices; DISK replaces the device of the disk ("/": "DISK1").
    """

    distribution: str
    major: int
    minor: int
    arch: str
    package_manager: str
    product: str
    mounts: dict[str, str] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        """The family of the distribution. Raises KeyError for an unknown one, which inspection has refused before."""
        family = find_family(self.distribution)
        if family is None:
            raise KeyError(self.distribution)
        return family

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> GuestInfo:
        """The inverse of `to_json`. Raises TypeError for unknown or missing fields."""
        return cls(**value)
