"""Laying out a disk that is too small."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from builder import process
from builder.appliance.handle import ApplianceSettings
from builder.appliance.start import start
from builder.bases.bootstrap import DiskLayout, lay_out
from builder.errors import GuestError
from builder.events import silent
from builder.paths import Output

pytestmark = pytest.mark.slow


def test_a_tree_that_does_not_fit(output: Output, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(96 << 20))
    with tarfile.open(tmp_path / "tree.tar", "w") as tree:
        tree.add(tmp_path / "file", "usr/file")
    disk = tmp_path / "disk.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "192M"])
    layout = DiskLayout("ext4", "defaults 0 0", "true", "uefi")
    # An appliance of its own, because the disk stays plugged.
    with start(ApplianceSettings(output.appliance), print) as appliance, pytest.raises(GuestError) as caught:
        lay_out(appliance, disk, tmp_path / "tree.tar", layout, silent)
    assert caught.value.message == "cannot unpack the system onto the new disk"
    assert caught.value.hint == "raise `size:` in the recipe"
    assert "No space left on device" in str(caught.value.details)
