"""Guests of the tests' own: overlays on shared disks, plugged and mounted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder import process
from builder.appliance.appliance import Appliance, Disk
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo


def overlay_on(base: Path, overlay: Path, size: int | None = None) -> Path:
    """Make an empty overlay on a disk, of `size` bytes if it is to be larger, and return it."""
    process.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(overlay)]
        + ([str(size)] if size else [])
    )
    return overlay


@contextmanager
def mounted(appliance: Appliance, disk: Path, info: GuestInfo) -> Iterator[Guest]:
    """The guest on a disk, whatever becomes of it; the appliance has the disk no more at the end."""
    device = appliance.plug(Disk(disk))
    guest = Guest(appliance, device, info, print)
    try:
        guest.mount()
        yield guest
    finally:
        guest.unmount()
        appliance.unplug(device)


@contextmanager
def throw_away(
    appliance: Appliance, base: tuple[Path, GuestInfo], folder: Path, size: int | None = None
) -> Iterator[Guest]:
    """A mounted guest on an overlay of its own, in an empty folder, that is gone at the end."""
    disk, info = base
    overlay = overlay_on(disk, folder / "guest.qcow2", size)
    try:
        with mounted(appliance, overlay, info) as guest:
            yield guest
    finally:
        overlay.unlink()
