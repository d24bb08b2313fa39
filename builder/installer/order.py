"""What an install is asked for."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

GATEWAY = "10.0.2.2"
"""This host's loopback address, as a machine on QEMU's user-mode network sees it."""


@dataclass(frozen=True, slots=True)
class InstallLimits:
    """Seconds that an install may take: `stall` with no sign of life, `whole` from its start to its end."""

    stall: float = 600.0
    whole: float = 7200.0


@dataclass(frozen=True, slots=True)
class InstallOrder:
    """One install.

    `kernel` and `initrd` are the installer's own, `arguments` its kernel's. `inject` are files that are
    added to the initrd, by their path in it. `disk` is an empty qcow2, the installer's /dev/vda; `media`
    are read-only CDs. `memory` is in bytes; `work` is scratch.
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
    """The URL under which an installer reaches what is at `url` for this host: loopback has another address there."""
    parts = urlsplit(url)
    if not _is_loopback(parts.hostname or ""):
        return url
    user, _, _ = parts.netloc.rpartition("@")
    place = GATEWAY if parts.port is None else f"{GATEWAY}:{parts.port}"
    return urlunsplit(parts._replace(netloc=f"{user}@{place}" if user else place))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
