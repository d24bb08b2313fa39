from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.events import Event, Notice
from builder.guest.guest import Guest
from builder.inputs import KeyContext
from builder.steps.password import Password
from builder.steps.root_password import RootPassword
from tests.steps.test_root_password import crypt

TEXT = "correct $horse: 'x"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SECRET", TEXT)
    return {"user": "me", "env": "SECRET"}


def test_shapes(secret: dict[str, Any]) -> None:
    step = Password.model_validate(secret)
    assert step.title == "password me"
    assert Password.late
    key = step.key_options(KeyContext(b"key"))
    assert TEXT not in str(key)
    assert key["user"] == "me"
    assert key["password"] == RootPassword(env="SECRET").key_options(KeyContext(b"key"))["password"]
    assert Password.model_validate({"user": "me", "password": "random"}).password == "random"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("random", "dictionary"),
        ({"password": "random"}, "user\n"),
        ({"user": "me"}, "set exactly one of env, file and password"),
        ({"user": "me", "password": "hunter2"}, "must be random, disabled, locked"),
        ({"user": "a:b", "password": "random"}, "start with a letter or underscore"),
        ({"user": "-f", "password": "locked"}, "start with a letter or underscore"),
    ],
)
def test_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Password.model_validate(value)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "prefix"), [("guest", "$y$"), ("centos7_guest", "$6$")])
def test_password(name: str, prefix: str, secret: dict[str, Any], request: pytest.FixtureRequest) -> None:
    guest: Guest = request.getfixturevalue(name)
    said: list[Event] = []
    guest.emit = said.append

    def hashed() -> str:
        return next(line.split(":")[1] for line in guest.read("/etc/shadow").splitlines() if line.startswith("me:"))

    def form(word: str) -> Password:
        return Password.model_validate({"user": "me", "password": word})

    step = Password.model_validate(secret)
    with pytest.raises(GuestError, match="the guest has no user me") as caught:
        step.apply(guest)
    assert caught.value.hint == "create the user in an earlier `user:` step"
    assert [finding.message for finding in step.check(guest)] == ["me's password is empty (expected set)"]

    guest.run("useradd --create-home me")
    root = guest.read("/etc/shadow").splitlines()[0]
    assert [(finding.ok, finding.message) for finding in step.check(guest)] == [
        (False, "me's password is locked (expected set)")
    ]
    step.apply(guest)
    assert hashed().startswith(prefix)
    assert [(finding.ok, finding.message) for finding in step.check(guest)] == [(True, "me's password is set")]
    if name == "guest":  # the EL guest has no perl to check it with
        assert crypt(guest, TEXT, hashed()) == hashed()

    before = hashed()
    for word, expected in (("locked", f"!{before}"), ("disabled", "*")):
        assert not all(finding.ok for finding in form(word).check(guest))
        form(word).apply(guest)
        assert hashed() == expected
        assert all(finding.ok for finding in form(word).check(guest))
    form("random").apply(guest)
    assert hashed().startswith(prefix)
    (notice,) = (event for event in said if isinstance(event, Notice))
    assert notice.text.startswith("me's password is ")
    assert guest.read("/etc/shadow").splitlines()[0] == root
