"""libvirt's embedded QEMU driver: domains without a daemon.

The driver runs in this process, keeps its files in one folder, and serves one process at a time.
Domains keep running when the process ends, and the next process finds them again.
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
# Written by golden. Without virtlogd, consoles and QEMU's messages go to plain files.
stdio_handler = "file"
security_driver = "none"
cgroup_controllers = []
namespaces = []
"""

AS_ROOT = """\
# The disks in golden's output folder belong to root.
user = "root"
group = "root"
dynamic_ownership = 0
"""

MAX_PATH = 28
"""Maximum bytes of the folder's path. Monitor sockets lie deep below it, and a socket's path has at most 107 bytes."""


def prepare(root: Path) -> str:
    """Prepare the driver's folder, start libvirt's event loop, and return the URI. Raises HostError."""
    try:
        (root / "etc").mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION + (AS_ROOT if os.geteuid() == 0 else "")
        if not (root / "etc/qemu.conf").exists():
            files.write(root / "etc/qemu.conf", text)
        path = short_path(root)
    except OSError as error:
        raise HostError(
            f"cannot prepare {root}, the folder of libvirt's embedded driver",
            details=str(error),
            hint="check the owner and the permissions of this folder",
        ) from error
    _start_event_loop()
    return f"qemu:///embed?root={quote(str(path))}"


def short_path(root: Path) -> Path:
    """A short enough path to the folder: its own, or a symbolic link, always the same. Raises OSError."""
    if len(os.fsencode(root)) <= MAX_PATH:
        return root
    name = f"golden-{hashlib.sha256(os.fsencode(root)).hexdigest()[:6]}"
    link = Path("/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / name
    with contextlib.suppress(FileExistsError):
        link.symlink_to(root)
    if link.lstat().st_uid != os.geteuid() or link.readlink() != root:
        raise FileExistsError(f"{link} exists and is not golden's link to {root}")
    return link


@functools.cache
def _start_event_loop() -> None:
    """Run libvirt's event loop in a thread, once per process: the driver needs it to talk to QEMU's monitors."""
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()
