"""What inspection says about a guest; kept with its base, because asking takes 15 s without KVM."""

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
"""libguestfs's names of distributions, by the family whose files and tools they share."""

DISK = "DISK"
"""Stands in `mounts` for the device of the disk itself, which may differ from session to session."""

DOMAIN_DISK = "/dev/vda"
"""The disk's device in a domain, whatever an appliance calls it: what the guest's own files must say."""


def find_family(distribution: str) -> Family | None:
    """The family of a distribution, by libguestfs's name for it; None for one that golden does not know."""
    return next((family for family, members in FAMILIES.items() if distribution in members), None)


@dataclass(frozen=True, slots=True)
class GuestInfo:
    """A guest operating system, in libguestfs's words.

    `mounts` maps mount points to devices, the disk's own device written as DISK ("/": "DISK1").
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
        """Raises KeyError for an unknown distribution; inspection lets none through."""
        family = find_family(self.distribution)
        if family is None:
            raise KeyError(self.distribution)
        return family

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> GuestInfo:
        """Raises TypeError when the fields are not ours."""
        return cls(**value)
