from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import CommandError, GuestError
from builder.guest.guest import Guest
from builder.steps.user import User


def test_shapes() -> None:
    assert User.model_validate("me").title == "user me"
    assert list(User(name="me").kept_users()) == ["me"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "name"),
        ("Me", "start with a letter or underscore"),
        ("-r", "start with a letter or underscore"),
        ({"name": "me", "uid": -1}, "greater"),
        ({"name": "me", "uid": 2**32 - 1}, "less"),
        ({"name": "me", "groups": ["a,b"]}, "start with a letter or underscore"),
        ({"name": "me", "group": "users", "groups": ["users"]}, "users is already the primary group"),
        ({"name": "me", "home": "srv/me"}, "absolute"),
        ({"name": "me", "comment": "a:b"}, "must not contain a colon or a line break"),
        ({"name": "me", "comment": "a\nb"}, "must not contain a colon or a line break"),
    ],
)
def test_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        User.model_validate(value)


@pytest.mark.parametrize("name", ["folder_debian", "folder_centos7"])
def test_user(name: str, request: pytest.FixtureRequest) -> None:
    guest: Guest = request.getfixturevalue(name)
    plain = User(name="me")
    assert [finding.message for finding in plain.check(guest)] == ["the user me does not exist"]
    plain.apply(guest)
    assert guest.users()["me"] == ["me", "x", "1000", "1000", "", "/home/me", "/bin/bash"]
    home = guest.find_stat("/home/me")
    assert home is not None
    assert (home.kind, home.uid, home.gid) == ("folder", 1000, 1000)
    assert guest.is_file("/home/me/.profile"), "what /etc/skel has is there"
    assert guest.query("passwd --status me").split()[:2] == ["me", "L"]
    assert all(finding.ok for finding in plain.check(guest))

    service = User(
        name="web", uid=777, group="www-data", groups=["adm", "me"], home="/srv/web site", comment="Ünï", system=True
    )
    service.apply(guest)
    assert guest.users()["web"][2:] == ["777", "33", "Ünï", "/srv/web site", "/usr/sbin/nologin"]
    assert guest.query("id -nG web").split() == ["www-data", "adm", "me"]
    assert all(finding.ok for finding in service.check(guest))

    guest.run("usermod --shell /bin/sh --gid me --groups '' --comment x web; chown root '/srv/web site'")
    assert [finding.message for finding in service.check(guest) if not finding.ok] == [
        "web's primary group is me (expected www-data)",
        "web's comment is x (expected Ünï)",
        "web's shell is /bin/sh (expected /usr/sbin/nologin)",
        "web is not in the group adm",
        "web is not in the group me",
        "/srv/web site does not belong to web",
    ]

    bare = User(name="daemon7", system=True)
    bare.apply(guest)
    assert not guest.exists("/home/daemon7")
    assert all(finding.ok for finding in bare.check(guest))

    for step, reason in (
        (plain, "the user me already exists in the guest"),
        (User(name="other", groups=["wheels", "amd"]), "the guest has no group wheels"),
        (User(name="other", group="www-dat"), 'no group www-dat; did you mean "www-data"?'),
        (User(name="other", shell="/bin/zsh"), "no shell /bin/zsh"),
    ):
        with pytest.raises(GuestError, match=reason.replace("?", r"\?")):
            step.apply(guest)
    with pytest.raises(CommandError, match="UID 0 is not unique"):
        User(name="other", uid=0).apply(guest)
    assert "other" not in guest.users()
