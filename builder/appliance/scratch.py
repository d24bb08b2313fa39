"""Scratch folders with short paths: the path of a socket can have at most 107 bytes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ARGV = "argv"
"""The name of the file, in a scratch folder, that holds libguestfs's QEMU command line as JSON."""


def new_scratch() -> Path:
    """Create a folder for one machine's sockets, and remove the folders of killed processes."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob("golden-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            remove_abandoned(folder)
    return Path(tempfile.mkdtemp(prefix=f"golden-{os.getpid()}-", dir=parent))


def remove_abandoned(folder: Path) -> None:
    """Remove the folder of a killed process, and libguestfs's folders that its command line names."""
    with contextlib.suppress(OSError):
        # Trust only our own files: other users can write to /tmp, too, and could name any folder.
        argv = (folder / ARGV).read_text() if folder.lstat().st_uid == os.geteuid() else ""
        for guestfs_folder in set(re.findall(r'=(/[^,"]*/libguestfs\w{6})/', argv)):
            shutil.rmtree(guestfs_folder, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new scratch folder, removed at the end."""
    folder = new_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
