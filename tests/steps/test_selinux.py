from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.steps.selinux import Selinux


def test_shapes() -> None:
    assert Selinux.model_validate("permissive").title == "selinux permissive"
    for wrong in ("off", "Disabled", False, 0):
        with pytest.raises(ValidationError, match="permissive"):
            Selinux.model_validate(wrong)


def test_selinux(folder_centos7: Guest) -> None:
    guest = folder_centos7
    before = guest.read(selinux.CONFIG)
    assert selinux.find_mode(guest) == "enforcing"
    permissive, disabled = Selinux(mode="permissive"), Selinux(mode="disabled")
    guest.chmod(selinux.CONFIG, 0o640)
    guest.write(selinux.AUTORELABEL, b"")
    assert [(finding.ok, finding.message) for finding in permissive.check(guest)] == [
        (False, "SELinux is enforcing (expected permissive)")
    ]
    permissive.apply(guest)
    assert guest.exists(selinux.AUTORELABEL)
    assert all(finding.ok for finding in permissive.check(guest))
    assert [finding.message for finding in disabled.check(guest) if not finding.ok] == [
        "SELinux is permissive (expected disabled)",
        "/.autorelabel exists",
    ]
    disabled.apply(guest)
    assert guest.read(selinux.CONFIG) == before.replace("SELINUX=enforcing", "SELINUX=disabled")
    assert not guest.exists(selinux.AUTORELABEL)
    assert all(finding.ok for finding in disabled.check(guest))
    stat = guest.find_stat(selinux.CONFIG)
    assert stat is not None
    assert stat.mode == 0o640
    assert guest.read_link("/etc/sysconfig/selinux") == "../selinux/config"

    # libselinux uses the first line and only the beginning of the word.
    guest.write(selinux.CONFIG, "# SELINUX=disabled\nSELINUX= Permissive # for now\nSELINUX=disabled")
    assert selinux.find_mode(guest) == "permissive"
    disabled.apply(guest)
    assert guest.read(selinux.CONFIG) == "# SELINUX=disabled\nSELINUX=disabled\nSELINUX=disabled"
    guest.write(selinux.CONFIG, "SELINUXTYPE=targeted\n")
    assert selinux.find_mode(guest) is None
    permissive.apply(guest)
    assert guest.read(selinux.CONFIG) == "SELINUX=permissive\nSELINUXTYPE=targeted\n"


def test_a_guest_without_selinux_is_refused(folder_debian: Guest) -> None:
    guest = folder_debian
    with pytest.raises(GuestError, match="the guest has no SELinux: /etc/selinux/config does not exist"):
        Selinux(mode="disabled").apply(guest)
    assert next(Selinux(mode="disabled").check(guest)).message == "SELinux is not installed (expected disabled)"
