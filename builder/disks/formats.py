"""The disk formats that golden writes, plugs and publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

DiskFormat = Literal["qcow2", "raw"]
"""QEMU's names. A new format is added here; recipes, the store, pools and file suffixes follow."""

FORMATS: tuple[DiskFormat, ...] = get_args(DiskFormat)

Compression = Literal["none", "zstd"]
"""How the clusters of a published disk may be compressed."""

_COMPRESSIBLE: frozenset[DiskFormat] = frozenset({"qcow2"})

DISK_SUFFIXES = frozenset({".img", *(f".{name}" for name in FORMATS)})
"""How the names of disk files end."""


def parse_format(name: str | None) -> DiskFormat:
    """The format of that name; libvirt's default, raw, for None. Raises ValueError for one that golden does not use."""
    for known in FORMATS:
        if name == known:
            return known
    if name is None:
        return "raw"
    raise ValueError(f"{name} is not one of the formats {', '.join(FORMATS)}")


def format_of(disk: Path) -> DiskFormat:
    """The format of a disk that golden named: by its suffix, since a raw disk's content may claim to be another."""
    return next((name for name in FORMATS if disk.suffix == f".{name}"), "qcow2")


def is_compressible(format: DiskFormat) -> bool:
    """Whether a disk of that format can be compressed."""
    return format in _COMPRESSIBLE


def compression_options(compression: Compression) -> list[str]:
    """The options with which `qemu-img convert` compresses."""
    return ["-c", "-o", f"compression_type={compression}"] if compression != "none" else []
