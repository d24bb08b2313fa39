"""Create and change disk images with qemu-img. Every function raises CommandError with qemu-img's output."""

from __future__ import annotations

import json
import os
from pathlib import Path

from builder import process
from builder.disks.formats import Compression, DiskFormat, compression_options

FORMAT: DiskFormat = "qcow2"
"""The format of every disk that golden changes."""


def create(disk: Path, size: int) -> None:
    """Create an empty qcow2 of `size` bytes."""
    process.run(["qemu-img", "create", "-q", "-f", FORMAT, str(disk), str(size)])


def create_overlay(
    overlay: Path, backing: Path, format: str, *, size: int | None = None, absolute: bool = False
) -> None:
    """Create an empty qcow2 overlay on `backing`, whose format is `format`.

    With `size` in bytes, the backing file need not exist yet; without it, the overlay has the size of its backing file.
    The header names the backing file by a path relative to the overlay, or by `backing` itself if `absolute`.
    """
    name = _backing_name(overlay, backing, absolute=absolute)
    unsafe = ["-u"] if size is not None else []
    sizes = [str(size)] if size is not None else []
    process.run(["qemu-img", "create", "-q", *unsafe, "-f", FORMAT, "-F", format, "-b", name, str(overlay), *sizes])


def set_backing(overlay: Path, backing: Path, format: str, *, absolute: bool = False) -> None:
    """Rename the backing file in an overlay's header. The content must be the same.

    If `absolute`, the file need not be on this host.
    """
    name = _backing_name(overlay, backing, absolute=absolute)
    process.run(["qemu-img", "rebase", "-q", "-u", "-f", FORMAT, "-F", format, "-b", name, str(overlay)])


def convert(
    source: Path, target: Path, source_format: str, format: DiskFormat = FORMAT, compression: Compression = "none"
) -> None:
    """Write the content of a disk and its backing files to a new disk without a backing file.

    Clusters are written in order (no `-W`), so that the same content always results in the same bytes.
    """
    options = ["-m", "4", "-f", source_format, "-O", format, *compression_options(compression)]
    process.run(["qemu-img", "convert", *options, str(source), str(target)])


def resize(disk: Path, size: int) -> None:
    """Grow a qcow2 to `size` bytes."""
    process.run(["qemu-img", "resize", "-q", "-f", FORMAT, str(disk), str(size)])


def check(disk: Path) -> int:
    """Check a qcow2's metadata. Return the offset in bytes at which its file should end."""
    found = json.loads(process.run(["qemu-img", "check", "--output=json", "-f", FORMAT, str(disk)]))
    return int(found["image-end-offset"])


def _backing_name(overlay: Path, backing: Path, *, absolute: bool) -> str:
    return str(backing) if absolute else os.path.relpath(backing, overlay.parent)
