"""Bytes of any number and kind come back as they are, though one reply of the appliance holds 4 MiB."""

from __future__ import annotations

import hashlib

import pytest

from builder.appliance.appliance import PIECE
from builder.guest.guest import Guest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [0, 1, PIECE, 2 * PIECE + 1])
def test_bytes_come_back(guest: Guest, size: int) -> None:
    guest.appliance.shell(f"head -c {size} /dev/urandom >/sysroot/root/noise")
    expected = guest.appliance.shell("sha256sum /sysroot/root/noise").split()[0]
    contents = [guest.read_bytes("/root/noise"), guest.appliance.output("cat /sysroot/root/noise")]
    assert [(len(content), hashlib.sha256(content).hexdigest()) for content in contents] == [(size, expected)] * 2
