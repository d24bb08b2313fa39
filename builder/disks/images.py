"""Making and changing disk images by qemu-img. Every function raises CommandError with qemu-img's own words."""

from __future__ import annotations

import json
import os
from pathlib import Path

from builder import process
from builder.disks.formats import Compression, DiskFormat, compression_options

FORMAT: DiskFormat = "qcow2"
"""The format of every disk that golden works on."""


def create(disk: Path, size: int) -> None:
    """Create an empty qcow2 of `size` bytes."""
    process.run(["qemu-img", "create", "-q", "-f", FORMAT, str(disk), str(size)])


def create_overlay(
    overlay: Path, backing: Path, format: str, *, size: int | None = None, absolute: bool = False
) -> None:
    """Create an empty qcow2 overlay over `backing`, whose format is `format`.

    The overlay has `size` bytes, and the backing need not exist yet then; without `size` it is as large as its
    backing. Its header names the backing relative to the overlay, or by its whole path if `absolute`.
    """
    name = _backing_name(overlay, backing, absolute=absolute)
    how = ["-u"] if size is not None else []
    sizes = [str(size)] if size is not None else []
    process.run(["qemu-img", "create", "-q", *how, "-f", FORMAT, "-F", format, "-b", name, str(overlay), *sizes])


def set_backing(overlay: Path, backing: Path, format: str, *, absolute: bool = False) -> None:
    """Make an overlay name another backing with the same content, which need not be on this host if `absolute`."""
    name = _backing_name(overlay, backing, absolute=absolute)
    process.run(["qemu-img", "rebase", "-q", "-u", "-f", FORMAT, "-F", format, "-b", name, str(overlay)])


def convert(
    source: Path, target: Path, source_format: str, format: DiskFormat = FORMAT, compression: Compression = "none"
) -> None:
    """Write the whole content of a disk, with that of its backings, to a new disk without backing.

    Sectors are written in order (`-W` would not), so that the same content gives the same bytes.
    """
    options = ["-m", "4", "-f", source_format, "-O", format, *compression_options(compression)]
    process.run(["qemu-img", "convert", *options, str(source), str(target)])


def resize(disk: Path, size: int) -> None:
    """Grow a qcow2 to `size` bytes."""
    process.run(["qemu-img", "resize", "-q", "-f", FORMAT, str(disk), str(size)])


def check(disk: Path) -> int:
    """Check the tables of a qcow2, and return the offset in bytes at which its file should end."""
    found = json.loads(process.run(["qemu-img", "check", "--output=json", "-f", FORMAT, str(disk)]))
    return int(found["image-end-offset"])


def _backing_name(overlay: Path, backing: Path, *, absolute: bool) -> str:
    return str(backing) if absolute else os.path.relpath(backing, overlay.parent)
