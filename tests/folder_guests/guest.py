"""Mounted guests in the folder appliance, and what was changed in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.appliance.appliance import Disk
from builder.guest.guest import Guest
from tests.folder_guests.appliance import FolderAppliance
from tests.folder_guests.trees import INFOS, PROGRAMS, Family


@dataclass(frozen=True, slots=True)
class Change:
    """How a path differs from the tree that the guest began with. Of a link, `content` is what it says."""

    kind: str
    mode: int
    uid: int
    gid: int
    content: bytes


@contextmanager
def folder_guest(appliance: FolderAppliance, family: Family) -> Iterator[Guest]:
    """A mounted guest of the caller's own, gone at the end."""
    device = appliance.plug(Disk(Path(f"{family}:{PROGRAMS}")))
    guest = Guest(appliance, device, INFOS[family], print)
    guest.mount()
    try:
        yield guest
    finally:
        guest.unmount()
        appliance.unplug(device)


def changes(guest: Guest) -> dict[str, Change]:
    """What is not as it was when a guest of the folder appliance was plugged, by path."""
    guest.leave_chroot()
    found = guest.appliance.handle.changes(guest.device)
    return {path: Change(*entry) for path, entry in found.items()}
