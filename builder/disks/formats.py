"""The disk formats that golden writes, plugs and publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

DiskFormat = Literal["qcow2", "raw"]
"""QEMU's format names. Add a new format here only: recipes, the store, pools and file suffixes use this list."""

FORMATS: tuple[DiskFormat, ...] = get_args(DiskFormat)

Compression = Literal["none", "zstd"]
"""The compression of a published disk's clusters."""

_COMPRESSIBLE: frozenset[DiskFormat] = frozenset({"qcow2"})

DISK_SUFFIXES = frozenset({".img", *(f".{name}" for name in FORMATS)})
"""The suffixes of disk files."""


def parse_format(name: str | None) -> DiskFormat:
    """The format with that name; for None, libvirt's default, raw. Raises ValueError if golden does not support it."""
    for known in FORMATS:
        if name == known:
            return known
    if name is None:
        return "raw"
    raise ValueError(f'unknown disk format "{name}": use one of {", ".join(FORMATS)}')


def format_of(disk: Path) -> DiskFormat:
    """The format of a disk named by golden, from its suffix: the content of a raw disk may look like another format."""
    return next((name for name in FORMATS if disk.suffix == f".{name}"), "qcow2")


def is_compressible(format: DiskFormat) -> bool:
    """Whether the format supports compression."""
    return format in _COMPRESSIBLE


def compression_options(compression: Compression) -> list[str]:
    """The compression options for `qemu-img convert`."""
    return ["-c", "-o", f"compression_type={compression}"] if compression != "none" else []
