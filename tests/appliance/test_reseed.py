"""The program that reseeds the random generator of a restored appliance. It needs root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from builder.appliance.reseed import program


@pytest.mark.parametrize(
    ("device", "status"), [(b"/dev/urandom", 0), (b"/dev/null", 256 - 25), (b"/dev/nowhere", 256 - 9)]
)
def test_the_exit_status(tmp_path: Path, device: bytes, status: int) -> None:
    """0, or 256 minus the number of the error: 25 (no such ioctl), 9 (no file)."""
    file = tmp_path / "reseed"
    file.write_bytes(program(device))
    file.chmod(0o700)
    if os.geteuid() != 0 and status == 0:
        status = 256 - 1
    assert subprocess.run([str(file)], check=False).returncode == status
