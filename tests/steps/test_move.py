from __future__ import annotations

import pytest

from builder.errors import CommandError, GuestError
from builder.guest.guest import Guest
from builder.steps.move import Move


def test_kept_paths() -> None:
    assert list(Move(source="/a/name", path="/root/").kept_paths()) == ["/root/name"]
    assert list(Move(source="/a/name", path="/root/x").kept_paths()) == ["/root/x", "/root/x/name"]


def test_move(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.mkdir("/srv/into")
    guest.link("into", "/srv/alias")
    guest.write("/srv/there", "old", mode=0o600)
    for path, made in (
        ("/srv/as", "/srv/as"),
        ("/srv/new/in/", "/srv/new/in/it's"),
        ("/srv/into", "/srv/into/it's"),
        ("/srv/alias/as", "/srv/into/as"),
        ("/srv/there", "/srv/there"),
    ):
        guest.write("/srv/it's", "text", mode=0o4711, owner="12:34")
        step = Move(source="/srv/it's", path=path)
        assert not all(finding.ok for finding in step.check(guest)), path
        step.apply(guest)
        assert [finding.ok for finding in step.check(guest)] == [True, True], path
        stat = guest.stat(made)
        assert (stat.kind, stat.mode, stat.uid, stat.gid) == ("file", 0o4711, 12, 34)
        assert guest.read(made) == "text"

    guest.link("/nowhere", "/srv/link")
    Move(source="/srv/link", path="/srv/moved").apply(guest)
    assert guest.read_link("/srv/moved") == "/nowhere"
    guest.write("/srv/tree/folder/file", "text")
    folder = Move(source="/srv/tree", path="/srv/other")
    folder.apply(guest)
    assert guest.find("/srv/other") == ["/srv/other/folder", "/srv/other/folder/file"]
    assert [finding.ok for finding in folder.check(guest)] == [True, True]
    guest.remove("/srv/other")
    assert [finding.message for finding in folder.check(guest) if not finding.ok] == ["/srv/other is missing"]

    with pytest.raises(GuestError, match="the guest has no /srv/none"):
        Move(source="/srv/none", path="/srv/x").apply(guest)
    guest.mkdir("/srv/full/as/x")
    guest.mkdir("/srv/as2/as")
    with pytest.raises(CommandError, match="not empty"):
        Move(source="/srv/as2/as", path="/srv/full").apply(guest)
