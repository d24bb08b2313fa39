from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.errors import CommandError, GuestError
from builder.guest import firstboot
from builder.guest.guest import Guest
from builder.inputs import RecipeContext
from builder.steps import Step
from builder.steps.firstboot import Firstboot
from builder.steps.firstboot_command import FirstbootCommand
from builder.steps.firstboot_install import FirstbootInstall


def load(folder: Path, text: str | bytes) -> Firstboot:
    (folder / "register.sh").write_bytes(text.encode() if isinstance(text, str) else text)
    return Firstboot.model_validate("register.sh", context=RecipeContext(folder))


def test_shapes(tmp_path: Path) -> None:
    assert load(tmp_path, "#!/bin/sh\n").title == "firstboot register.sh"
    with pytest.raises(ValidationError, match="must begin with #!"):
        load(tmp_path, "echo\n")


def test_firstboot(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    text = b"#!/usr/bin/perl\nopen(F, '>/srv/made'); print F \"\xff\";\n"
    step = load(tmp_path, text)
    assert not any(finding.ok for finding in step.check(guest))
    step.apply(guest)
    path = f"{firstboot.WAITING}/001"
    assert guest.read_bytes(path) == text
    stat = guest.find_stat(path)
    assert stat is not None
    assert (stat.mode, stat.uid, stat.gid) == (0o755, 0, 0)
    assert all(finding.ok for finding in step.check(guest))
    guest.run(firstboot.RUNNER)
    assert guest.read_bytes("/srv/made") == b"\xff"
    assert all(finding.ok for finding in step.check(guest))


def test_all_kinds_in_one_order(folder_centos7: Guest, tmp_path: Path) -> None:
    guest = folder_centos7
    # Records the package manager's calls and their order, because this first boot has no network.
    guest.write("/usr/bin/yum", '#!/bin/sh\necho "yum $*" >>/srv/order\n', mode=0o755)
    steps: list[Step] = [
        FirstbootCommand(command="echo one >>/srv/order"),
        FirstbootInstall(packages=["lftp", "lrzsz"]),
        load(tmp_path, "#!/bin/sh\necho three >>/srv/order\nexit 1\n"),
        FirstbootCommand(command="echo four >>/srv/order"),
    ]
    for step in steps:
        step.apply(guest)
    assert all(finding.ok for step in steps for finding in step.check(guest))
    assert guest.query("systemctl is-enabled golden-firstboot") == "enabled"
    with pytest.raises(CommandError):
        guest.run(firstboot.RUNNER)
    assert guest.read("/srv/order") == "one\nyum -y install lftp lrzsz\nthree\nfour\n"
    assert "script 003 ended with status 1" in guest.read(firstboot.LOG)


def test_a_guest_without_systemd_is_refused(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    guest.remove("/usr/lib/systemd/systemd")
    with pytest.raises(GuestError, match="has no systemd"):
        load(tmp_path, "#!/bin/sh\n").apply(guest)
    assert not guest.exists(firstboot.HOME)
