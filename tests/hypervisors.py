"""Real hypervisors for the tests: the host's libvirtd, or one of the tests' own where nobody runs one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import libvirt

from builder import locks
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.xml import render

SYSTEM = "qemu:///system"
FOLDER = Path(tempfile.gettempdir(), "golden-test-libvirtd")


def answers() -> bool:
    """Whether a system daemon is there."""
    try:
        libvirt.open(SYSTEM).close()
    except libvirt.libvirtError:
        return False
    return True


@contextmanager
def daemon() -> Iterator[str]:
    """libvirt's URI; workers share one daemon, and it ends after the last of them."""
    users = FOLDER / "users"
    users.mkdir(parents=True, exist_ok=True)
    mine = users / str(os.getpid())
    with locks.held(FOLDER / "lock"):
        mine.touch()
        if not answers():
            # Of no one's process group, or a worker's end would be its end.
            subprocess.run(
                ["setsid", "--fork", sys.executable, "-m", "tests.keeper", str(FOLDER)],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
            )
            deadline = time.monotonic() + 30
            while not answers():
                assert time.monotonic() < deadline, (FOLDER / "log").read_text()
                time.sleep(0.1)
    try:
        yield SYSTEM
    finally:
        mine.unlink(missing_ok=True)


@contextmanager
def own_pool(hypervisor: Hypervisor, folder: Path) -> Iterator[str]:
    """The name of a pool of the test's own, gone at the end; its files go with the test's folder."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    made = hypervisor.connection.storagePoolDefineXML(render("pool", name=name, folder=folder))
    made.create()
    # Tests' folders are root's alone, and QEMU runs as a user of its own.
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid():
            parent.chmod(parent.stat().st_mode | 0o011)
    try:
        yield name
    finally:
        if made.isActive():
            made.destroy()
        made.undefine()
