"""Keeps virtlogd and libvirtd for as long as a test runs that asked for them: `python -m tests.keeper FOLDER`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from builder import process

LINGER = 3.0
"""Seconds without anybody before the daemons end: another worker's test may be about to ask."""


def keep(folder: Path) -> None:
    """Run the daemons until no process in the folder's `users` lives."""
    with (folder / "log").open("ab") as log:
        daemons = [
            subprocess.Popen(process.bound_to_us([name]), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            for name in ("virtlogd", "libvirtd")
        ]
    try:
        last = time.monotonic()
        while time.monotonic() - last < LINGER:
            if any(Path("/proc", user.name).exists() for user in (folder / "users").iterdir()):
                last = time.monotonic()
            time.sleep(0.2)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
