"""The program by which a restored appliance's random generator begins anew; these need root, as it does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from builder.appliance.reseed import program


@pytest.mark.parametrize(
    ("device", "status"), [(b"/dev/urandom", 0), (b"/dev/null", 256 - 25), (b"/dev/nowhere", 256 - 9)]
)
def test_it_tells_whether_it_was_done(tmp_path: Path, device: bytes, status: int) -> None:
    """Else with the error's number: 25, no such ioctl, or 9, no file."""
    file = tmp_path / "reseed"
    file.write_bytes(program(device))
    file.chmod(0o700)
    if os.geteuid() != 0 and status == 0:
        status = 256 - 1
    assert subprocess.run([str(file)], check=False).returncode == status
