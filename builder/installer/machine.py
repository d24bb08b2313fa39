"""Runs the installer's machine with libvirt's embedded driver, in a separate process.

The process has its own namespaces (see `builder.process.isolated`), so the machine ends with it. The driver
needs a folder with a short path: the install's folder is bind-mounted over one that the machine does not use.
No other process sees that mount.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Literal

from builder.errors import HostError, HypervisorError, tail
from builder.events import Emit, silent
from builder.hypervisor.connection import EMBEDDED, connect
from builder.hypervisor.watched import WatchedDomain
from builder.hypervisor.xml import check_text, render
from builder.installer.order import InstallOrder
from builder.installer.watch import PACKET_BYTES, InstallWatch

NAME = "installer"

MOUNT_POINTS = ("/mnt", "/media", "/srv", "/boot", "/opt")
"""Folders that every system has; the machine needs none of them unless its own files are in it."""

MS_BIND = 0x1000


def run(order: InstallOrder, kind: Literal["kvm", "qemu"], emit: Emit) -> None:
    """Start the machine and return once the install has finished. Raises GoldenError."""
    folder = order.work / "machine"
    folder.mkdir()
    mount_point = _free_mount_point(order)
    _mount(folder, mount_point)
    with connect(EMBEDDED, mount_point, silent) as hypervisor:
        domain = hypervisor.define(domain_xml(order, kind, mount_point))
        machine = WatchedDomain(hypervisor, domain)
        try:
            domain.start()
        except HypervisorError as error:
            raise HostError(
                "cannot start the installer's virtual machine",
                details=_start_failure(error, mount_point),
                hint=error.hint,
            ) from error
        try:
            InstallWatch(machine, mount_point, order.limits, emit).wait()
        finally:
            domain.destroy()


def domain_xml(order: InstallOrder, kind: Literal["kvm", "qemu"], folder: Path) -> str:
    """The domain's XML; it writes its console and its packets to files in `folder`. Raises RequestError."""
    for argument in order.arguments:
        check_text(argument, "an argument of the installer's kernel")
    for path in (order.kernel, order.initrd, order.disk, *order.media):
        check_text(str(path), "a path of the install")
    return render("installer", order=order, type=kind, name=NAME, folder=folder, kept=PACKET_BYTES)


def _free_mount_point(order: InstallOrder) -> Path:
    """A folder to mount over. Raises HostError if the install needs all of them."""
    needed = [order.kernel, order.initrd, order.disk, order.work, *order.media, Path(sys.prefix), Path(__file__)]
    resolved = [path.resolve() for path in needed]
    for folder in map(Path, MOUNT_POINTS):
        if folder.is_dir() and not any(path.is_relative_to(folder.resolve()) for path in resolved):
            return folder
    raise HostError(
        "no free mount point for the installer's files",
        details=f"the install needs files in all of {', '.join(MOUNT_POINTS)}",
        hint="move the output folder or the ISO image out of one of them",
    )


def _mount(folder: Path, mount_point: Path) -> None:
    """Bind-mount a folder by the system call, because mount(8) refuses non-root users. Raises HostError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(folder), os.fsencode(mount_point), None, MS_BIND, None) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise HostError(f"cannot mount {folder} on {mount_point} in a private namespace", details=reason)


def _start_failure(error: HypervisorError, root: Path) -> str:
    """libvirt's message, and QEMU's from its log, where it follows the command line."""
    try:
        log = (root / f"log/qemu/{NAME}.log").read_text(errors="replace")
    except OSError:  # QEMU was not started
        log = ""
    message = log.rpartition("-msg timestamp=on\n")[2].strip()
    return f"{error.details or error.message}\n{tail(message)}".strip()
