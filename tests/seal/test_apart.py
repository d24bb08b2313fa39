"""Seal operations whose tests need more than a few planted files."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from builder import process, seal
from builder.appliance.appliance import Appliance, Disk
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.guest.info import DISK
from builder.guest.inspection import inspect
from builder.seal import tree
from builder.seal.operation import Operation
from builder.seal.operations.machine_id import MACHINE_ID
from builder.steps.selinux import Selinux
from tests.guests import ElGuest
from tests.machine import Machine
from tests.mounting import mounted, overlay_on
from tests.probe import DONE, install_probe

pytestmark = pytest.mark.slow


def wrong(guest: Guest, operation: Operation) -> list[str]:
    return [finding.message for finding in operation.check(guest, tree.read(guest)) if not finding.ok]


def alone(name: str, **options: object) -> Operation:
    """Return one operation with the options of a recipe."""
    (found,) = (one for one in seal.select(also=[name], **options) if one.name == name)  # type: ignore[arg-type]
    return found


def test_user_account(guest: Guest) -> None:
    guest.run("useradd --create-home alice && useradd --create-home bob && useradd --system daemon7")
    guest.write("/var/mail/alice", "mail")
    operation = alone("user-account", keep_users=["bob"])
    assert operation.key() != alone("user-account").key()
    assert wrong(guest, operation) == ["not removed: alice"]
    seal.seal(guest, [operation], frozenset())
    assert wrong(guest, operation) == []
    assert {"bob", "daemon7", "root"} <= set(guest.users())
    for path in ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid"):
        assert "alice" not in guest.read(path)
    assert not guest.exists("/home/alice")
    assert not guest.exists("/var/mail/alice")
    assert guest.exists("/home/bob")


def test_script(guest: Guest, tmp_path: Path) -> None:
    script = tmp_path / "seal.py"
    script.write_text("#!/usr/bin/perl\nopen(my $f, '>', '/etc/sealed-by'); print $f $0;\n")
    operation = alone("script", script=script)
    seal.seal(guest, [operation], frozenset())
    assert guest.read("/etc/sealed-by") == "/tmp/golden-seal-script"
    assert wrong(guest, operation) == []
    assert guest.ls("/tmp") == []
    first = operation.key()
    script.write_text("#!/bin/sh\n")
    assert operation.key() != first


def test_fs_uuids(centos7: ElGuest, appliance: Appliance, tmp_path: Path) -> None:
    overlay = overlay_on(centos7.disk, tmp_path / "disk.qcow2")
    operation = alone("fs-uuids")
    with mounted(appliance, overlay, centos7.info) as guest:
        old = guest.call("vfs_uuid", f"{guest.device}1")
        assert old in guest.read("/etc/fstab")
        assert old in guest.read("/boot/grub2/grub.cfg")
        config = guest.read("/boot/grub2/grub.cfg")
        guest.write("/boot/grub2/grub.cfg", config.replace(" quiet", " console=ttyS0"))
        seal.seal(guest, [operation], frozenset())
        new = guest.call("vfs_uuid", f"{guest.device}1")
        assert new != old
        assert wrong(guest, operation) == []
        guest.write("/etc/fstab", guest.read("/etc/fstab").replace(new, old))
        assert wrong(guest, operation) == [f"refers to missing file systems: /etc/fstab ({old})"]
        guest.write("/etc/fstab", guest.read("/etc/fstab").replace(old, new))
    with Machine(overlay, tmp_path / "console") as machine:
        machine.wait_for("login:")


def test_boot_entries(almalinux9: ElGuest, appliance: Appliance, tmp_path: Path) -> None:
    overlay = overlay_on(almalinux9.disk, tmp_path / "disk.qcow2")
    operations = seal.select()
    operation = alone("boot-entries")
    with mounted(appliance, overlay, almalinux9.info) as guest:
        old = guest.read("/etc/machine-id").strip()
        assert all(old in path for path in guest.glob("/boot/loader/entries/*.conf"))
        assert wrong(guest, operation)
        for path in guest.glob("/boot/loader/entries/*.conf"):
            guest.write(path, guest.read(path).replace(" quiet", " console=ttyS0"))
        identity = seal.identify(guest)
        seal.seal(guest, operations, frozenset())
        findings = list(seal.check(guest, operations, frozenset(), identity))
        assert [finding.message for finding in findings if not finding.ok] == []
        names = [path.rpartition("/")[2] for path in guest.glob("/boot/loader/entries/*.conf")]
        assert names
        assert all(name.startswith("0" * 32) for name in names)
        assert old not in "".join(guest.read(path) for path in guest.glob("/boot/loader/entries/*.conf"))
        install_probe(guest)
    with Machine(overlay, tmp_path / "console") as machine:
        machine.wait_for(DONE)
    with mounted(appliance, overlay, almalinux9.info) as guest:
        new = guest.read("/etc/machine-id").strip()
        assert re.fullmatch("[0-9a-f]{32}", new)
        assert new != old
        own = [path.rpartition("/")[2] for path in guest.glob("/boot/loader/entries/*.conf")]
        assert own == [name.replace("0" * 32, new) for name in names]
        assert guest.glob(f"/boot/*-0-rescue-{new}*")
        assert guest.query("grub2-editenv /boot/grub2/grubenv list").startswith(f"saved_entry={new}-")


def test_boot_entries_of_a_guest_without_a_machine_id(almalinux9_guest: Guest) -> None:
    """Its kernels were installed under the neutral name, and nothing renames them yet."""
    guest, operation = almalinux9_guest, alone("boot-entries")
    old = guest.read("/etc/machine-id").strip()
    for path in (*guest.glob("/boot/loader/entries/*.conf"), *guest.glob("/boot/*-0-rescue-*")):
        guest.call("mv", path, path.replace(old, "0" * 32))
    assert wrong(guest, operation) == ["golden-boot-entries.service is not enabled"]
    seal.seal(guest, [operation], frozenset())
    assert wrong(guest, operation) == []


def make_lvm_guest(appliance: Appliance, disk: Path) -> None:
    """Create a minimal system on a logical volume that inspection recognises as Debian."""
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "256M"])
    device = appliance.plug(Disk(disk))
    handle = appliance.handle
    handle.part_init(device, "mbr")
    handle.part_add(device, "p", 2048, 65535)
    handle.part_add(device, "p", 65536, -1)
    handle.mkfs("ext4", f"{device}1")
    handle.pvcreate(f"{device}2")
    handle.vgcreate("system", [f"{device}2"])
    handle.lvcreate("root", "system", 180)
    handle.mkfs("ext4", "/dev/system/root")
    handle.mount("/dev/system/root", "/")
    for folder in ("/bin", "/etc", "/usr/bin", "/var/lib/dpkg", "/boot"):
        handle.mkdir_p(folder)
    handle.write("/etc/os-release", b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
    handle.write("/etc/debian_version", b"12.5\n")
    handle.write(
        "/etc/fstab",
        f"/dev/system/root / ext4 defaults 0 1\nUUID={handle.vfs_uuid(f'{device}1')} /boot ext4 defaults 0 2\n",
    )
    handle.write("/var/lib/dpkg/status", b"")
    handle.umount_all()
    handle.vg_activate_all(False)
    appliance.unplug(device)


def lvm_uuids(guest: Guest) -> set[str]:
    """Return the UUIDs of the physical volume and the volume group."""
    return {guest.call("pvuuid", f"{guest.device}2"), guest.call("vguuid", "system")}


def test_lvm_uuids(appliance: Appliance, tmp_path: Path) -> None:
    disk = tmp_path / "lvm.qcow2"
    make_lvm_guest(appliance, disk)
    device = appliance.plug(Disk(disk, read_only=True))
    info = inspect(appliance, device)
    appliance.unplug(device)
    assert (info.distribution, info.mounts) == ("debian", {"/": "/dev/system/root", "/boot": f"{DISK}1"})
    operation = alone("lvm-uuids")
    with mounted(appliance, disk, info) as guest:
        old = lvm_uuids(guest)
        guest.write("/etc/before", "there")
        guest.freeze()
        guest.thaw()
        seal.seal(guest, [operation], frozenset())
        new = lvm_uuids(guest)
        assert len(new) == len(old) == 2
        assert not new & old
        assert guest.read("/etc/before") == "there"
        assert [finding.ok for finding in operation.check(guest, tree.read(guest))] == [True, True]
        # GRUB finds a /boot on LVM by the UUID of the volume group.
        guest.info = dataclasses.replace(info, mounts={"/": info.mounts["/"]})
        seal.seal(guest, [operation], frozenset())
        assert lvm_uuids(guest) == new
        guest.info = info
    assert appliance.handle.vgs() == [], "nothing of it is left in the appliance"


def test_selinux_relabel(almalinux9_guest: Guest) -> None:
    guest = almalinux9_guest
    operation = alone("selinux-relabel")
    assert selinux.find_mode(guest) == "enforcing"
    assert wrong(guest, operation)
    seal.seal(guest, seal.select(), frozenset())
    assert wrong(guest, operation) == []
    # The seal's last writes are labelled too, and the machine id stays empty.
    assert selinux.find_unlabelled(guest, [MACHINE_ID, "/etc/hostname", "/etc/resolv.conf"]) == []
    assert guest.read(MACHINE_ID) == ""
    assert not guest.exists(selinux.AUTORELABEL)

    guest.call("lremovexattr", selinux.LABEL, "/etc/hostname")
    assert wrong(guest, operation) == ["no SELinux label: /etc/hostname"]
    Selinux(mode="disabled").apply(guest)
    seal.seal(guest, [operation], frozenset())
    assert wrong(guest, operation) == []
    assert selinux.find_unlabelled(guest, ["/etc/hostname"]) == ["/etc/hostname"]
    assert not guest.exists(selinux.AUTORELABEL)
