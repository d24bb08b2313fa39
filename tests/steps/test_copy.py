from __future__ import annotations

import pytest

from builder.errors import CommandError, GuestError
from builder.guest.guest import Guest
from builder.steps.copy import Copy

LISTING = "cd /srv; find {} -printf '%p %y %m %U:%G %l\\n' | sort"


def test_kept_paths() -> None:
    assert list(Copy(source="/a/name", path="/root/").kept_paths()) == ["/root/name"]
    assert list(Copy(source="/a/name", path="/root/x").kept_paths()) == ["/root/x", "/root/x/name"]
    assert Copy(source="/a", path="/b").title == "copy /a"


def test_copy(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/from/.hidden", "it's", mode=0o4711, owner="12:34")
    guest.link("/nowhere", "/srv/from/link")
    guest.chmod("/srv/from", 0o2750)
    guest.chown("/srv/from", "56:78")
    guest.mkdir("/srv/into")
    guest.link("into", "/srv/alias")

    for path, made in (
        ("/srv/new/as", "/srv/new/as"),
        ("/srv/new/in/", "/srv/new/in/from"),
        ("/srv/into", "/srv/into/from"),
        ("/srv/alias/as", "/srv/into/as"),
    ):
        step = Copy(source="/srv/from", path=path)
        assert [finding.ok for finding in step.check(guest)] == [False], path
        step.apply(guest)
        assert [finding.ok for finding in step.check(guest)] == [True], path
        assert [line.strip() for line in guest.query(LISTING.format(made)).replace(made, "").splitlines()] == [
            "d 2750 56:78",
            "/.hidden f 4711 12:34",
            "/link l 777 0:0 /nowhere",
        ]
        assert guest.read(f"{made}/.hidden") == "it's"

    guest.write("/srv/file", "new", mode=0o600, owner="1:2")
    guest.write("/srv/old", "old")
    file = Copy(source="/srv/file", path="/srv/old")
    assert [finding.ok for finding in file.check(guest)] == [False]
    file.apply(guest)
    assert [finding.ok for finding in file.check(guest)] == [True]
    assert guest.query("cd /srv; stat -c '%a %u:%g' old; cat old") == "600 1:2\nnew"
    guest.write("/srv/old", "edited")
    assert [finding.ok for finding in file.check(guest)] == [False]
    guest.remove("/srv/file")
    assert [finding.message for finding in file.check(guest)] == ["/srv/old exists"]

    # A copied folder that contains a file of its own name is not mistaken for the destination folder.
    guest.mkdir("/srv/same/same")
    guest.chmod("/srv/same/same", 0o700)
    same = Copy(source="/srv/same", path="/srv/twin")
    same.apply(guest)
    assert [finding.message for finding in same.check(guest)] == ["/srv/twin matches /srv/same"]

    with pytest.raises(GuestError, match="the guest has no /srv/none"):
        Copy(source="/srv/none", path="/srv/x").apply(guest)
    with pytest.raises(CommandError, match="into itself"):
        Copy(source="/srv/from", path="/srv/from/deeper").apply(guest)


def test_no_space_left_is_reported(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.appliance.shell("mkdir /sysroot/srv/small && mount -t tmpfs -o size=64k none /sysroot/srv/small")
    try:
        with pytest.raises(CommandError, match="No space left on device"):
            Copy(source="/bin/bash", path="/srv/small/").apply(guest)
    finally:
        guest.leave_chroot()
        guest.appliance.shell("umount /sysroot/srv/small")
