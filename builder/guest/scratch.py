"""Short-named folders: the name of a socket is limited to 107 bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def new_scratch() -> Path:
    """A folder for one machine's sockets; those that killed processes left are removed."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob("golden-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"golden-{os.getpid()}-", dir=parent))


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Such a folder, removed at the end."""
    folder = new_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
