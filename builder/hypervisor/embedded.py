"""libvirt's QEMU driver inside this process: domains without any daemon.

The driver keeps its files below one folder and lets one process at a time use it. Domains live on
when that process ends, and the next one finds them again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
from pathlib import Path
from urllib.parse import quote

import libvirt

from builder import files
from builder.errors import HostError

CONFIGURATION = """\
# Written by golden. There is no virtlogd, so consoles and QEMU's own words go to plain files.
stdio_handler = "file"
security_driver = "none"
cgroup_controllers = []
namespaces = []
"""

AS_ROOT = """\
# The disks below golden's output folder are root's.
user = "root"
group = "root"
dynamic_ownership = 0
"""

LONGEST = 28
"""Bytes that the folder's path may have: monitors' sockets lie deep below it, and a socket's name has 107."""


def prepare(root: Path) -> str:
    """Make the driver's folder ready, start libvirt's event loop, and return the URI. Raises HostError."""
    try:
        (root / "etc").mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION + (AS_ROOT if os.geteuid() == 0 else "")
        if not (root / "etc/qemu.conf").exists():
            files.write(root / "etc/qemu.conf", text)
        reached = short_path(root)
    except OSError as error:
        raise HostError(f"cannot prepare {root} for virtual machines", details=str(error)) from error
    _event_loop()
    return f"qemu:///embed?root={quote(str(reached))}"


def short_path(root: Path) -> Path:
    """The folder by a name that is short enough: its own, or a link's, the same one every time. Raises OSError."""
    if len(os.fsencode(root)) <= LONGEST:
        return root
    name = f"golden-{hashlib.sha256(os.fsencode(root)).hexdigest()[:6]}"
    link = Path("/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / name
    with contextlib.suppress(FileExistsError):
        link.symlink_to(root)
    if link.lstat().st_uid != os.geteuid() or link.readlink() != root:
        raise FileExistsError(f"{link} is not ours")
    return link


@functools.cache
def _event_loop() -> None:
    """Run libvirt's events in a thread of their own, once: the driver talks with QEMU's monitor there."""
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()
