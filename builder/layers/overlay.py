"""qcow2 overlays, made by qemu-img."""

from __future__ import annotations

import json
import os
from pathlib import Path

from builder import process


def create_overlay(overlay: Path, backing: Path, *, size: int) -> None:
    """Make an empty overlay of `size` bytes over `backing`, named in its header relative to the overlay.

    The backing need not have that name yet. Raises CommandError.
    """
    name = os.path.relpath(backing, overlay.parent)
    process.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", name, str(overlay), str(size)])


def virtual_size(disk: Path) -> int:
    """The size in bytes of the disk that the guest sees. Raises CommandError."""
    about = json.loads(process.run(["qemu-img", "info", "--force-share", "--output=json", str(disk)]))
    return int(about["virtual-size"])
