"""Short-named folders: the name of a socket is limited to 107 bytes."""

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
"""The file, in such a folder, of the command line that libguestfs chose for its machine."""


def new_scratch() -> Path:
    """A folder for one machine's sockets; those that killed processes left are removed."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob("golden-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            remove_abandoned(folder)
    return Path(tempfile.mkdtemp(prefix=f"golden-{os.getpid()}-", dir=parent))


def remove_abandoned(folder: Path) -> None:
    """Remove a folder whose process was killed, and libguestfs's own that it names: the handle never came to that."""
    with contextlib.suppress(OSError):
        # Not what somebody else, who may write to /tmp as well, would have us remove.
        named = (folder / ARGV).read_text() if folder.lstat().st_uid == os.geteuid() else ""
        for own in set(re.findall(r'=(/[^,"]*/libguestfs\w{6})/', named)):
            shutil.rmtree(own, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Such a folder, removed at the end."""
    folder = new_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
