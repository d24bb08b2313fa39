"""qcow2 overlays, made by qemu-img."""

from __future__ import annotations

import json
import os
from pathlib import Path

from builder import process


def create_overlay(overlay: Path, backing: Path, *, size: int, format: str = "qcow2") -> None:
    """Make an empty overlay of `size` bytes over `backing`, named in its header relative to the overlay.

    `format` is the backing's, which need not have that name yet. Raises CommandError.
    """
    name = os.path.relpath(backing, overlay.parent)
    process.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", format, "-b", name, str(overlay), str(size)])


def put_on(overlay: Path, backing: Path, format: str) -> None:
    """Let an overlay stand on another file with the same content. Raises CommandError."""
    name = os.path.relpath(backing, overlay.parent)
    process.run(["qemu-img", "rebase", "-q", "-u", "-F", format, "-b", name, str(overlay)])


def virtual_size(disk: Path) -> int:
    """The size in bytes of the disk that the guest sees. Raises CommandError."""
    about = json.loads(process.run(["qemu-img", "info", "--force-share", "--output=json", str(disk)]))
    return int(about["virtual-size"])
