"""Disks that somebody else has, or had, in use; disks that golden never saw; guests that would reach out."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from builder import digest, process
from builder.appliance.appliance import Appliance, Disk
from builder.errors import BuildError, InUseError, RequestError
from builder.events import Event, Notice, silent
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.offline import opened, resolve
from builder.offline.copy import copy_out
from builder.offline.edit import replace
from builder.offline.inspections import Inspections
from builder.paths import Output
from tests.conftest import GOLDEN, share
from tests.folders import snapshot
from tests.offline.test_target import written_by_a_machine

pytestmark = pytest.mark.slow


def test_a_disk_that_was_never_unmounted(
    output: Output, appliance: Appliance, disk: Path, debian_base: tuple[Path, GuestInfo]
) -> None:
    """Its journal is replayed for whoever reads, and the disk stays as it is."""
    device = appliance.plug(Disk(disk))
    guest = Guest(appliance, device, debian_base[1])
    guest.mount()
    guest.write("/root/late", "written")
    appliance.shell("sync")
    torn = disk.with_name("torn.qcow2")
    appliance.shell("fsfreeze -f /sysroot; fsfreeze -u /sysroot; echo >/sysroot/root/later; sync")
    process.run(["cp", "--sparse=always", str(disk), str(torn)])
    guest.unmount()
    appliance.unplug(device)
    before = digest.of_file(torn)
    with opened(resolve(str(torn), output), output, silent) as torn_guest:
        assert torn_guest.read("/root/late") == "written"
    assert digest.of_file(torn) == before


def test_a_disk_in_use_is_read_and_not_written(output: Output, disk: Path) -> None:
    heard: list[Event] = []
    with written_by_a_machine(disk):
        target = resolve(str(disk), output)
        with opened(target, output, heard.append) as guest:
            assert guest.read("/etc/hostname")
        with pytest.raises(InUseError), opened(target, output, silent, writable=True):
            pytest.fail("it is in use")
    assert any(isinstance(event, Notice) and "is in use" in event.text and event.warning for event in heard)


@pytest.mark.parametrize("writable", [False, True])
def test_a_machine_that_starts_meanwhile(output: Output, disk: Path, writable: bool) -> None:
    target = resolve(str(disk), output)
    with (
        written_by_a_machine(disk),
        pytest.raises(InUseError, match="another process has"),
        opened(target, output, silent, writable=writable),
    ):
        pytest.fail("it is in use")


def test_a_disk_that_golden_never_saw(output: Output, published: Path, tmp_path: Path) -> None:
    """It is inspected once, also when golden wrote to it since."""
    own = share(output, Output(tmp_path / "output"))
    strange = tmp_path / "strange.qcow2"
    process.run(["qemu-img", "convert", "-O", "qcow2", str(published), str(strange)])
    heard: list[Event] = []
    assert resolve(str(strange), own).info is None
    with opened(resolve(str(strange), own), own, heard.append, writable=True) as guest:
        guest.write("/root/new", "new")
    assert Notice(f"inspecting {strange}; golden remembers the result") in heard
    again = resolve(str(strange), own)
    assert again.info == resolve(str(published), output).info
    with opened(again, own, silent) as guest:
        assert guest.read("/root/new") == "new"


def test_a_disk_without_a_guest(output: Output, tmp_path: Path) -> None:
    own = share(output, Output(tmp_path / "output"))
    empty = tmp_path / "empty.raw"
    empty.touch()
    process.run(["mke2fs", "-q", "-F", "-t", "ext4", str(empty), "8M"])
    with (
        pytest.raises(BuildError, match=r"empty\.raw holds no operating system"),
        opened(resolve(str(empty), own), own, silent),
    ):
        pytest.fail("there is none")
    assert Inspections(own.inspections).find(empty) is None


def test_nothing_of_the_appliance_comes_out(shared_guest: Guest, tmp_path: Path) -> None:
    """It has folders of its own that a guest's links name."""
    shell = shared_guest.appliance.shell
    shell("mkdir -p /escape && echo theirs >/escape/file")
    shared_guest.mkdir("/srv/tree")
    shared_guest.link("/escape", "/srv/tree/out")
    shared_guest.link("/escape/file", "/srv/tree/file")
    for path in ("/srv/tree/out/", "/srv/tree/out/file"):
        with pytest.raises(RequestError, match="the guest has no"):
            copy_out(shared_guest, [path], tmp_path)
    copy_out(shared_guest, ["/srv/tree"], tmp_path)
    assert sorted(snapshot(tmp_path)) == ["tree", "tree/file", "tree/out"]
    assert (tmp_path / "tree/out").readlink() == Path("/escape")
    shared_guest.remove("/srv/tree")


def test_a_folder_of_this_host_that_leads_elsewhere(shared_guest: Guest, tmp_path: Path) -> None:
    """Links that are in the way are replaced, not followed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "here").mkdir()
    for name in ("apt", "hosts", "mtab"):
        (tmp_path / "here" / name).symlink_to("../outside" if name == "apt" else f"../outside/{name}")
    copy_out(shared_guest, ["/etc/apt", "/etc/hosts", "/etc/mtab"], tmp_path / "here")
    assert snapshot(tmp_path / "outside") == {}
    assert (tmp_path / "here/hosts").read_text() == shared_guest.read("/etc/hosts")
    assert (tmp_path / "here/apt/sources.list.d").is_dir()


def test_devices_of_a_guest_stay_there(shared_guest: Guest, tmp_path: Path) -> None:
    heard: list[Event] = []
    shared_guest.emit, emit = heard.append, shared_guest.emit
    shared_guest.mkdir("/srv/devices")
    shared_guest.call("mknod_b", 0o666, 8, 0, "/srv/devices/sda")
    copy_out(shared_guest, ["/srv/devices"], tmp_path)
    with pytest.raises(RequestError, match="not a file, folder or link"):
        copy_out(shared_guest, ["/srv/devices/sda"], tmp_path)
    assert list(snapshot(tmp_path)) == ["devices"]
    assert any(isinstance(event, Notice) and "devices/sda in the guest: not a file" in event.text for event in heard)
    shared_guest.emit = emit


def test_a_replaced_file_keeps_what_it_has_beside_bytes(shared_guest: Guest) -> None:
    label = "system_u:object_r:shadow_t:s0"
    shared_guest.write("/srv/label/file", "old", mode=0o4750, owner="12:34")
    shared_guest.call("lsetxattr", "security.selinux", label, len(label), "/srv/label/file")
    before = shared_guest.find_stat("/srv/label/file")
    replace(shared_guest, "/srv/label/file", b"new")
    assert shared_guest.read("/srv/label/file") == "new"
    assert shared_guest.find_stat("/srv/label/file") == before
    attributes = {each["attrname"]: each["attrval"] for each in shared_guest.call("lgetxattrs", "/srv/label/file")}
    assert bytes(attributes["security.selinux"]).decode() == label
    assert shared_guest.ls("/srv/label") == ["file"]


def test_killed_in_the_middle(output: Output, disk: Path, tmp_path: Path) -> None:
    """A killed command leaves a disk that can be used, and no machine."""
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\ntouch {tmp_path}/open\nsleep 100\n")
    editor.chmod(0o755)
    argv = [str(GOLDEN), "edit", str(disk), "/etc/hosts", "--output", str(output.root)]
    with subprocess.Popen(argv, env={**os.environ, "VISUAL": str(editor)}, start_new_session=True) as edit:
        deadline = time.monotonic() + 60
        while not (tmp_path / "open").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        edit.kill()
    deadline = time.monotonic() + 10
    while resolve(str(disk), output).in_use:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.run(["qemu-img", "check", "-q", str(disk)])
    with opened(resolve(str(disk), output), output, silent) as guest:
        assert guest.is_file("/etc/hosts")
