"""Showing a disk's files in a folder of this host, until somebody unmounts it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from builder.appliance.appliance import Appliance
from builder.errors import GoldenError, HostError, RequestError
from builder.events import Emit
from builder.guest.guest import Guest
from builder.offline.mounts import DONE, Waiters, detach, find_server, source
from builder.offline.session import opened
from builder.offline.target import Target
from builder.paths import Output

FUSE = Path("/dev/fuse")


def check_mount_point(folder: Path) -> None:
    """Raise RequestError for what is not an empty folder, and HostError where this host mounts nothing."""
    if find_server(folder) is not None:
        raise RequestError(f"something is mounted on {folder} already", hint=f"golden umount {folder}")
    if not folder.is_dir():
        raise RequestError(f"{'not a folder' if folder.exists() else 'no such folder'}: {folder}")
    if any(folder.iterdir()):
        raise RequestError(f"not empty: {folder}", hint="mount on an empty folder")
    if not FUSE.exists():
        raise HostError(f"this host has no {FUSE}", hint="load the kernel's module: modprobe fuse")


def mount(
    target: Target, folder: Path, output: Output, emit: Emit, *, writable: bool, ready: Callable[[], None]
) -> None:
    """Show a disk's files in an empty folder; returns once it is unmounted and all is on the disk.

    `ready` is called when they are there to be used. Told to stop, this process unmounts the folder as
    soon as nobody uses it. Raises what `check_mount_point` and `opened` raise.
    """
    check_mount_point(folder)
    place = folder.resolve()

    def stop(appliance: Appliance) -> None:
        if find_server(place) is None:
            appliance.kill()
            return
        with suppress(GoldenError):
            detach(place, lazily=True)

    waiters = Waiters()
    try:
        with opened(target, output, emit, writable=writable, stop=stop) as guest:
            serve(guest, place, writable=writable, ready=ready)
    except GoldenError as error:
        waiters.tell(str(error))
        raise
    waiters.tell(DONE)


def serve(guest: Guest, folder: Path, *, writable: bool, ready: Callable[[], None]) -> None:
    """Answer the kernel's questions about the folder until it is unmounted. Raises GuestError."""
    guest.call("mount_local", str(folder), not writable, f"fsname={source()}")
    ready()
    # Told to stop: it was unmounted then, and the disk is yet to be put away.
    with suppress(KeyboardInterrupt):
        guest.call("mount_local_run")
