from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import CommandError
from builder.events import Event, Notice
from builder.guest.guest import Guest
from builder.guest.passwords import PASSWORD_FILE
from builder.inputs import KeyContext, RecipeContext
from builder.steps.root_password import RootPassword

PASSWORD = "corr:ect $Horse 'battery\" staple"


def load(value: Any, folder: Path = Path("/")) -> RootPassword:
    return RootPassword.model_validate(value, context=RecipeContext(folder))


def test_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", PASSWORD)
    (tmp_path / "secret").write_text(f"{PASSWORD}\nsecond line\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    context = KeyContext(b"key")
    by_env, by_file = load({"env": "SECRET"}), load({"file": "secret"}, tmp_path)
    assert by_env.title == by_file.title == "root-password"
    assert by_env.key_options(context) == by_file.key_options(context)
    assert PASSWORD not in f"{by_env!r} {by_env.key_options(context)} {by_env.model_dump(mode='json')}"
    assert by_env.key_options(context) != by_env.key_options(KeyContext(b"other"))
    assert load("random").key_options(context) == {"password": "random"}
    assert load({"password": "random", "crypto": "sha256"}).key_options(context) == {
        "password": "random",
        "crypto": "sha256",
    }
    assert load("locked").title == "root-password locked"
    assert RootPassword.late

    monkeypatch.setenv("LINES", "a\nroot2:b")
    for wrong, message in (
        (PASSWORD, "must be random, disabled, locked, "),
        (5, "a recipe must not contain a password"),
        (None, "set exactly one of env, file and password"),
        ({"env": "NOT_SET"}, "NOT_SET is not set"),
        ({"env": "LINES"}, "must be one line"),
        ({"file": "empty"}, "empty"),
        ({"file": "binary"}, "cannot read the password"),
        ({"file": "missing"}, "no such file"),
        ({"env": "SECRET", "file": "secret"}, "set exactly one of env, file and password"),
        ({"env": "SECRET", "password": "locked"}, "set exactly one of env, file and password"),
        ({}, "set exactly one of env, file and password"),
        ({"env": "SECRET", "crypto": "des"}, "sha256"),
        ({"password": "locked", "crypto": "sha256"}, "cannot combine crypto with locked"),
    ):
        with pytest.raises(ValidationError, match=message) as caught:
            load(wrong, tmp_path)
        messages = [error["msg"] for error in caught.value.errors()]
        assert not any(word in message for message in messages for word in ("root2", "Horse"))


def shadow(guest: Guest) -> str:
    return next(line.split(":")[1] for line in guest.read("/etc/shadow").splitlines() if line.startswith("root:"))


def crypt(guest: Guest, password: str, salt: str) -> str:
    path = guest.appliance.upload_to_memory(f"{password}\n".encode(), "golden-test")
    answer = guest.query(f"perl -e 'open F, \"<{path}\"; chomp($p = <F>); print crypt($p, $ARGV[0])' '{salt}'")
    guest.appliance.shell(f"rm {path}")
    return answer


def on_disk(guest: Guest, password: str, overlay: Path) -> bool:
    """Whether any block written to the guest's disk contains the text."""
    guest.call("sync")
    return password.encode() in overlay.read_bytes()


@pytest.mark.slow
def test_root_password(guest: Guest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    guest.emit = events.append
    overlays = tmp_path_factory.getbasetemp().glob("guest*/*.qcow2")
    overlay = max(overlays, key=lambda path: path.stat().st_mtime_ns)
    guest.write("/root/proof", "that this search finds what is on the disk")
    assert on_disk(guest, "finds what is on the disk", overlay)

    monkeypatch.setenv("SECRET", PASSWORD)
    step = load({"env": "SECRET"})
    assert [finding.message for finding in step.check(guest)] == ["root's password is disabled (expected set)"]
    step.apply(guest)
    hashed = shadow(guest)
    assert hashed.startswith("$y$")
    assert crypt(guest, PASSWORD, hashed) == hashed
    assert [finding.message for finding in step.check(guest) if finding.ok] == ["root's password is set"]

    load("locked").apply(guest)
    assert shadow(guest) == f"!{hashed}"
    assert all(finding.ok for finding in load("locked").check(guest))
    assert not all(finding.ok for finding in step.check(guest))
    load("locked").apply(guest)
    assert shadow(guest) == f"!{hashed}"
    guest.run("passwd -u root")
    assert shadow(guest) == hashed

    load("disabled").apply(guest)
    assert shadow(guest) == "*"
    assert all(finding.ok for finding in load("disabled").check(guest))
    assert not any(isinstance(event, Notice) for event in events)

    load("random").apply(guest)
    (notice,) = (event for event in events if isinstance(event, Notice))
    generated = notice.text.removeprefix("root's password is ").split()[0]
    assert len(generated) == 20
    assert crypt(guest, generated, shadow(guest)) == shadow(guest)
    assert all(finding.ok for finding in load("random").check(guest))

    guest.write("/usr/sbin/chpasswd", "#!/bin/sh\necho refused\nexit 1\n", mode=0o755)
    with pytest.raises(CommandError) as caught:
        step.apply(guest)
    assert "refused" in str(caught.value)

    for password in (PASSWORD, generated):
        assert password not in str(caught.value)
        assert not any(password in str(event) for event in events if event != notice)
        assert not on_disk(guest, password, overlay)
    assert PASSWORD_FILE not in guest.query("ls /dev").split()


@pytest.mark.slow
def test_el(centos7_guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", PASSWORD)
    for crypto, prefix in ((None, "$6$"), ("yescrypt", "$y$"), ("sha256", "$5$")):
        step = load({"env": "SECRET", "crypto": crypto})
        if crypto:
            assert [finding.ok for finding in step.check(centos7_guest)] == [True, False]
        step.apply(centos7_guest)
        assert shadow(centos7_guest).startswith(prefix)
        assert all(finding.ok for finding in step.check(centos7_guest))
    load("locked").apply(centos7_guest)
    assert shadow(centos7_guest).startswith("!$5$")
