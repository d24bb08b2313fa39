"""The published disk, booted twice in plain QEMU, as two nodes that must have nothing in common."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.appliance import Appliance
from builder.guest.info import GuestInfo
from tests.machine import Machine
from tests.mounting import mounted, overlay_on, throw_away
from tests.probe import DONE, install_probe, read_probe

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.xdist_group("boot")]

SIZE = 8 << 30
"""Bytes of the overlays: twice the template's disk."""


@pytest.fixture(scope="module")
def nodes(built: dict[str, Any], appliance: Appliance, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two overlays of the published disk that ran until their probe was done."""
    folder = tmp_path_factory.mktemp("nodes")
    disk = Path(built["path"]) / "disk.qcow2"
    overlays = [overlay_on(disk, folder / f"node{number}.qcow2", SIZE) for number in (1, 2)]
    for overlay in overlays:
        with mounted(appliance, overlay, INFO) as guest:
            install_probe(guest)
    with ExitStack() as running:
        machines = [running.enter_context(Machine(each, each.with_suffix(".console"))) for each in overlays]
        for machine in machines:
            machine.wait_for(DONE, "login:")
    return overlays


INFO = GuestInfo("debian", 12, 0, "x86_64", "apt", "Debian 12", {"/": "DISK1"})


def test_nodes_boot_clean_and_share_no_identity(nodes: list[Path], appliance: Appliance) -> None:
    identities = []
    for overlay in nodes:
        assert "localhost login:" in overlay.with_suffix(".console").read_text(errors="replace")
        with mounted(appliance, overlay, INFO) as guest:
            probe = read_probe(guest)
            assert (probe.state, probe.failed) == ("running", "")
            assert probe.root == "/dev/vda1"
            assert probe.size > 7.5 * (1 << 30), "root has not grown to the overlay's size"
            assert "inet 10.0.2." in probe.address

            machine_id = guest.read("/etc/machine-id").strip()
            assert len(machine_id) == 32
            keys = {path: guest.read(path) for path in guest.glob("/etc/ssh/ssh_host_*_key.pub")}
            assert len(keys) >= 3
            assert all(guest.read_bytes(path.removesuffix(".pub")) for path in keys)
            identities.append((machine_id, keys))
    (first_id, first_keys), (second_id, second_keys) = identities
    assert first_id != second_id
    assert first_keys.keys() == second_keys.keys()
    assert not set(first_keys.values()) & set(second_keys.values())


def test_the_published_disk_carries_no_identity(built: dict[str, Any], appliance: Appliance, tmp_path: Path) -> None:
    with throw_away(appliance, (Path(built["path"]) / "disk.qcow2", INFO), tmp_path) as guest:
        assert guest.read("/etc/machine-id") == ""
        assert guest.glob("/etc/ssh/ssh_host_*") == []
        assert guest.read("/etc/fstab").split()[0] == "/dev/vda1"
        assert "/etc/motd" in guest.glob("/etc/*")
