"""The description of one install."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

GATEWAY = "10.0.2.2"
"""The address of this host's loopback on QEMU's user-mode network."""


@dataclass(frozen=True, slots=True)
class InstallLimits:
    """Limits in seconds: `stall` without any activity, `whole` for the entire install."""

    stall: float = 600.0
    whole: float = 7200.0


@dataclass(frozen=True, slots=True)
class InstallOrder:
    """One install.

    `kernel` and `initrd` are the installer's; `arguments` are for its kernel. `inject` holds files to add to
    the initrd, by their path in it. `disk` is an empty qcow2 image, the installer's /dev/vda; `media` are
    read-only CDs. `memory` is in bytes; `work` is a scratch folder.
    """

    kernel: Path
    initrd: Path
    arguments: tuple[str, ...]
    inject: Mapping[str, bytes]
    disk: Path
    work: Path
    media: tuple[Path, ...] = ()
    firmware: Literal["bios", "uefi"] = "bios"
    memory: int = 2 << 30
    processors: int = 2
    limits: InstallLimits = field(default_factory=InstallLimits)


def seen_from_installer(url: str) -> str:
    """The URL by which an installer reaches this host's `url`: this host's loopback has another address there."""
    parts = urlsplit(url)
    if not _is_loopback(parts.hostname or ""):
        return url
    user, _, _ = parts.netloc.rpartition("@")
    host = GATEWAY if parts.port is None else f"{GATEWAY}:{parts.port}"
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
