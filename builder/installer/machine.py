"""The installer's machine, by libvirt's embedded driver, in a process of its own.

The process is in name spaces of its own (see `builder.process.isolated`), so that the machine ends
with it. The driver wants a folder with a short path: the install's own is mounted in the place of one
that nobody needs meanwhile, which no other process sees.
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

PLACES = ("/mnt", "/media", "/srv", "/boot", "/opt")
"""Folders that every system has, and of which the machine needs none, unless its files lie there."""

MS_BIND = 0x1000


def run(order: InstallOrder, kind: Literal["kvm", "qemu"], emit: Emit) -> None:
    """Start the machine, follow it, and return once the install is done. Raises GoldenError."""
    folder = order.work / "machine"
    folder.mkdir()
    place = _free_place(order)
    _mount(folder, place)
    with connect(EMBEDDED, place, silent) as hypervisor:
        domain = hypervisor.define(domain_xml(order, kind, place))
        machine = WatchedDomain(hypervisor, domain)
        try:
            domain.start()
        except HypervisorError as error:
            raise HostError(
                "the installer's machine did not start", details=_why(error, place), hint=error.hint
            ) from error
        try:
            InstallWatch(machine, place, order.limits, emit).wait()
        finally:
            domain.destroy()


def domain_xml(order: InstallOrder, kind: Literal["kvm", "qemu"], folder: Path) -> str:
    """The domain; its console and its packets go to files in `folder`. Raises RequestError."""
    for argument in order.arguments:
        check_text(argument, "an argument of the installer's kernel")
    for path in (order.kernel, order.initrd, order.disk, *order.media):
        check_text(str(path), "a path of the install")
    return render("installer", order=order, type=kind, name=NAME, folder=folder, kept=PACKET_BYTES)


def _free_place(order: InstallOrder) -> Path:
    """A folder to mount over. Raises HostError where the install needs every one of them."""
    needed = [order.kernel, order.initrd, order.disk, order.work, *order.media, Path(sys.prefix), Path(__file__)]
    resolved = [path.resolve() for path in needed]
    for place in map(Path, PLACES):
        if place.is_dir() and not any(path.is_relative_to(place.resolve()) for path in resolved):
            return place
    raise HostError("no place for the installer's files", details=f"the install needs all of {', '.join(PLACES)}")


def _mount(folder: Path, place: Path) -> None:
    """Mount `folder` on `place`, too. By the system call: mount(8) refuses whoever is not root. Raises HostError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(folder), os.fsencode(place), None, MS_BIND, None) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise HostError(f"cannot mount a folder on {place} in a name space of our own", details=reason)


def _why(error: HypervisorError, place: Path) -> str:
    """libvirt's words and QEMU's, which stand in its log behind the command line."""
    try:
        log = (place / f"log/qemu/{NAME}.log").read_text(errors="replace")
    except OSError:  # it did not come as far as that
        log = ""
    said = log.rpartition("-msg timestamp=on\n")[2].strip()
    return f"{error.details or error.message}\n{tail(said)}".strip()
