"""Mounts a disk's files on a folder of this host, until the folder is unmounted."""

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
    """Raise RequestError unless this is an empty folder, and HostError if this host has no FUSE."""
    if find_server(folder) is not None:
        raise RequestError(f"a disk is already mounted on {folder}", hint=f"run `golden umount {folder}`")
    if not folder.is_dir():
        raise RequestError(f"{'not a folder' if folder.exists() else 'no such folder'}: {folder}")
    if any(folder.iterdir()):
        raise RequestError(f"folder is not empty: {folder}", hint="choose an empty folder")
    if not FUSE.exists():
        raise HostError(f"this host has no {FUSE}", hint="run `modprobe fuse` to load the kernel module")


def mount(
    target: Target, folder: Path, output: Output, emit: Emit, *, writable: bool, ready: Callable[[], None]
) -> None:
    """Mount a disk's files on an empty folder. Returns once it is unmounted and all writes are on the disk.

    Calls `ready` when the files can be used. On SIGINT or SIGTERM, unmounts the folder as soon as nobody
    uses it. Raises what `check_mount_point` and `opened` raise.
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
        waiters.notify(str(error))
        raise
    waiters.notify(DONE)


def serve(guest: Guest, folder: Path, *, writable: bool, ready: Callable[[], None]) -> None:
    """Serve the folder to the kernel until it is unmounted. Raises GuestError."""
    guest.call("mount_local", str(folder), not writable, f"fsname={source()}")
    ready()
    # On a stop signal the folder was unmounted, but the disk must still be closed.
    with suppress(KeyboardInterrupt):
        guest.call("mount_local_run")
