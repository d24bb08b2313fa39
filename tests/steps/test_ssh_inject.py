from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.inputs import RecipeContext
from builder.steps.ssh_inject import SshInject

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYT"


def load(value: Any, folder: Path = Path("/")) -> SshInject:
    return SshInject.model_validate(value, context=RecipeContext(folder))


def test_shapes(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(f"# team\n{KEY} a@b\n\n{OTHER} c\n")
    (tmp_path / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "empty").write_text("# nobody\n")
    assert load({"file": "key.pub"}, tmp_path).user == "root"
    assert list(load({"key": KEY}).kept_paths()) == ["/root/.ssh/authorized_keys"]
    assert list(load({"user": "me", "key": KEY}).kept_paths()) == ["/home/me/.ssh/authorized_keys"]
    for wrong, message in (
        ({}, "either key or file"),
        ({"key": KEY, "file": "key.pub"}, "either key or file"),
        ({"key": ""}, "no public key"),
        ({"file": "empty"}, "no public key"),
        ({"file": "key"}, "private key"),
        ({"key": "ssh-dss AAAAB3NzaC1kc3M="}, "not an SSH public key"),
        ({"key": KEY[:40] + "*"}, "damaged"),
        ({"key": KEY.replace("ssh-ed25519", "ssh-rsa")}, "damaged"),
        ({"key": "ssh-ed25519"}, "damaged"),
        ({"key": f"{KEY}\nssh-ed25519 x"}, "key 2 is damaged"),
        ({"user": "../root", "key": KEY}, "user"),
    ):
        with pytest.raises(ValidationError, match=message):
            load(wrong, tmp_path)


def test_ssh_inject(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    with pytest.raises(GuestError, match="no user nobody2"):
        load({"user": "nobody2", "key": KEY}).apply(guest)
    with pytest.raises(GuestError, match="no home folder"):
        load({"user": "nobody", "key": KEY}).apply(guest)

    (tmp_path / "keys").write_text(f"{KEY} me\n{OTHER}\n")
    guest.run("useradd --create-home --uid 1234 me")
    for user, home, uid in (("root", "/root", 0), ("me", "/home/me", 1234)):
        path = f"{home}/.ssh/authorized_keys"
        guest.mkdir(f"{home}/.ssh")
        guest.write(path, f'from="10.0.0.1" {KEY} old', mode=0o644)
        step = load({"user": user, "file": "keys"}, tmp_path)
        assert not all(finding.ok for finding in step.check(guest))
        step.apply(guest)
        step.apply(guest)
        assert guest.read(path) == f'from="10.0.0.1" {KEY} old\n{OTHER}\n'
        for place, mode in ((f"{home}/.ssh", 0o700), (path, 0o600)):
            found = guest.find_stat(place)
            assert found
            assert (found.mode, found.uid, found.gid) == (mode, uid, uid)
        assert guest.query(f"ssh-keygen -l -f {path} | grep -c ED25519") == "2"
        assert all(finding.ok for finding in step.check(guest))
        guest.chmod(path, 0o666)
        assert [finding.message for finding in step.check(guest) if not finding.ok] == [
            f"{path} does not have owner {user} and mode 0600"
        ]
