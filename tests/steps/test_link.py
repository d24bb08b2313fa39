from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.link import Link


@pytest.mark.parametrize("target", ["", "a\nb"])
def test_refused(target: str) -> None:
    with pytest.raises(ValidationError, match="target"):
        Link(target=target, path="/x")


def test_link(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/file", "old")
    guest.mkdir("/srv/folder")
    guest.link("folder", "/srv/alias")
    for target, path in (
        ("/usr/bin/vi", "/srv/new/deep/link"),
        ("../-x y'z", "/srv/relative"),
        ("/nowhere", "/srv/file"),
        ("/elsewhere", "/srv/file"),
        ("/nowhere", "/srv/alias"),
    ):
        step = Link(target=target, path=path)
        assert [finding.ok for finding in step.check(guest)] == [False]
        step.apply(guest)
        assert guest.read_link(path) == target
        assert [finding.ok for finding in step.check(guest)] == [True]
    assert guest.ls("/srv/folder") == []
    with pytest.raises(GuestError, match="cannot create the link /srv/folder: it is a folder"):
        Link(target="/nowhere", path="/srv/folder").apply(guest)
