from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from builder.appliance.appliance import Appliance
from builder.errors import GuestError
from builder.guest import packages
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo

INFO = GuestInfo("fedora", 39, 0, "x86_64", "dnf", "Fedora Linux 39", {"/": "DISK1"})


def a_guest(info: GuestInfo) -> Guest:
    """One without an appliance, which what is asked here does not need."""
    return Guest(cast(Appliance, None), "/dev/vda", info)


def test_a_package_manager_that_nobody_drives_is_refused_by_name() -> None:
    with pytest.raises(GuestError) as caught:
        packages.of(a_guest(replace(INFO, product="Alpine Linux 3.19", package_manager="apk")))
    assert caught.value.message == "Alpine Linux 3.19 uses the package manager 'apk', which golden cannot drive"
    assert caught.value.hint == "known are apt, dnf, yum, zypper"


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
