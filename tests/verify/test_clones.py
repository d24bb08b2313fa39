"""The overlays of clones: what is put on them, in a real guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.appliance.appliance import Appliance, Disk
from builder.events import silent
from builder.guest import selinux, systemd
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.pipeline import SealedDisk
from builder.store.manifest import ManifestCommand, ManifestVerify
from builder.verify.clones import ADDED_SPACE, HOME, UNIT, make_clones, put_questions
from builder.verify.questions import questions_for
from tests.mounting import mounted, overlay_on

pytestmark = pytest.mark.slow

ASKED = questions_for(ManifestVerify(commands=[ManifestCommand(command="true")]))


def test_both_are_alike_and_the_disk_below_stays_as_it_is(
    appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path: Path
) -> None:
    base, info = debian_base
    disk = overlay_on(base, tmp_path / "sealed.qcow2")
    before = disk.read_bytes()
    verify = ManifestVerify(commands=[ManifestCommand(command="echo hello\ntrue")], grown=["/"])
    clones = make_clones(SealedDisk(appliance, Disk(disk), info, verify, tmp_path), 240, silent)
    assert disk.read_bytes() == before
    first, second = (folder / "disk.qcow2" for folder in clones.folders)
    assert first.read_bytes() == second.read_bytes()
    assert clones.expected.added == ADDED_SPACE
    with mounted(appliance, second, info) as guest:
        assert guest.read(f"{HOME}/{len(clones.questions) - 1}") == "echo hello\ntrue"
        assert "-lt 240" in guest.read(f"{HOME}/ask")
        assert systemd.is_enabled(guest, UNIT)
        blocks = guest.run("stat -f -c '%b %S' /").split()
        assert int(blocks[0]) * int(blocks[1]) == clones.expected.before["/"]


def test_a_guest_with_selinux_finds_labels(guest: Guest) -> None:
    label = "system_u:object_r:systemd_unit_file_t:s0"
    guest.write(selinux.CONFIG, "SELINUX=enforcing\nSELINUXTYPE=targeted\n")
    for folder in (systemd.OWN, "/usr/lib"):
        guest.call("lsetxattr", selinux.LABEL, label, len(label), folder)
    guest.mkdir(f"{systemd.OWN}/multi-user.target.wants")
    guest.call("lsetxattr", selinux.LABEL, label, len(label), f"{systemd.OWN}/multi-user.target.wants")
    put_questions(guest, ASKED, 240)
    written = [HOME, f"{HOME}/ask", f"{HOME}/0", f"{systemd.OWN}/{UNIT}"]
    assert selinux.find_unlabelled(guest, written) == []
