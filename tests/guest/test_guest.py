from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from builder.appliance.appliance import Appliance
from builder.errors import CommandError, GuestError
from builder.guest import packages
from builder.guest.chroot import NO_ID
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo

INFO = GuestInfo("fedora", 39, 0, "x86_64", "dnf", "Fedora Linux 39", {"/": "DISK1"})


def a_guest(info: GuestInfo) -> Guest:
    """A guest without an appliance; these tests do not need one."""
    return Guest(cast(Appliance, None), "/dev/vda", info)


def test_an_unsupported_package_manager_is_refused_by_name() -> None:
    with pytest.raises(GuestError) as caught:
        packages.of(a_guest(replace(INFO, product="Alpine Linux 3.19", package_manager="apk")))
    assert caught.value.message == "Alpine Linux 3.19 uses the package manager 'apk', which golden does not support"
    assert caught.value.hint == "use a base with one of: apt, dnf, yum, zypper"


def test_volume_groups() -> None:
    mounts = {
        "/": "btrfsvol:DISK3/root",
        "/home": "/dev/system/home",
        "/srv": "/dev/system/srv",
        "/var": "/dev/data/var",
        "/boot": "DISK2",
        "/mnt": "/dev/md127",
    }
    assert a_guest(replace(INFO, mounts=mounts)).volume_groups == ["data", "system"]


@pytest.mark.parametrize(("name", "locale"), [("folder_centos7", "C"), ("folder_almalinux9", "C.UTF-8")])
def test_the_oldest_el_knows_no_utf8_of_its_own(name: str, locale: str, request: pytest.FixtureRequest) -> None:
    guest: Guest = request.getfixturevalue(name)
    assert guest.query("echo $LC_ALL") == locale


def test_packages_find_a_machine_id_where_the_guest_has_none(folder_almalinux9: Guest) -> None:
    guest = folder_almalinux9
    guest.mkdir("/boot/loader/entries")
    own = guest.read("/etc/machine-id")
    assert guest.run("cat /etc/machine-id") == own
    guest.write("/etc/machine-id", b"", mode=0o444)
    # What a kernel's package does, as far as names go.
    guest.run("read id </etc/machine-id && touch /boot/loader/entries/$id-9.9.conf")
    assert guest.exists(f"/boot/loader/entries/{NO_ID}-9.9.conf")
    stat = guest.find_stat("/etc/machine-id")
    assert stat
    assert (stat.kind, stat.size, stat.mode) == ("file", 0, 0o444)
    with pytest.raises(CommandError):
        guest.run("exit 3")
    assert guest.read("/etc/machine-id") == ""
    guest.run(f"echo {own.strip()} >/etc/machine-id")
    assert guest.read("/etc/machine-id") == own, "a command that sets one means it"
