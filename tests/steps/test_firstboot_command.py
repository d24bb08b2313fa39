from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import CommandError
from builder.guest import firstboot
from builder.guest.guest import Guest
from builder.steps.firstboot_command import FirstbootCommand


def test_shapes() -> None:
    assert FirstbootCommand.model_validate("date").title == "firstboot-command date"
    with pytest.raises(ValidationError):
        FirstbootCommand.model_validate(" ")


def test_firstboot_command(folder_debian: Guest) -> None:
    guest = folder_debian
    commands = [
        "echo one >>/srv/order; echo $HOME in $PWD",
        'echo two >>/srv/order; echo "said on stderr" >&2; exit 3',
        f"echo three >>/srv/order\nls {firstboot.WAITING} >/srv/waiting",
    ]
    steps = [FirstbootCommand(command=command) for command in commands]
    assert not any(finding.ok for finding in steps[0].check(guest))
    for step in steps:
        step.apply(guest)
    assert guest.ls(firstboot.WAITING) == ["001", "002", "003"]
    for number, step in enumerate(steps, 1):
        assert [(finding.ok, finding.message) for finding in step.check(guest)] == [
            (True, f"{firstboot.WAITING}/{number:03d} waits for the first boot"),
            (True, "golden-firstboot.service is enabled"),
        ]
    assert guest.query("systemctl is-enabled golden-firstboot") == "enabled"
    assert all(
        any(path == kept or path.startswith(f"{kept}/") for kept in steps[0].kept_paths())
        for path in (f"{firstboot.WAITING}/001", firstboot.RUNNER, guest.glob("/etc/systemd/system/golden-*")[0])
    )

    # The runner is a plain sh script, so the test can run what systemd runs on a node.
    with pytest.raises(CommandError) as caught:
        guest.run(firstboot.RUNNER)
    assert caught.value.status == 1, "one script failed"
    assert guest.read("/srv/order") == "one\ntwo\nthree\n"
    assert guest.read("/srv/waiting") == "", "a script is moved away before it starts"
    assert guest.ls(firstboot.WAITING) == []
    assert guest.ls(firstboot.DONE) == ["001", "002", "003"]
    log = guest.read(firstboot.LOG).splitlines()
    assert [line.rpartition("Z ")[2] for line in log] == [
        "script 001 begins",
        "/root in /",
        "script 001 ended with status 0",
        "script 002 begins",
        "said on stderr",
        "script 002 ended with status 3",
        "script 003 begins",
        "script 003 ended with status 0",
    ]
    assert guest.query(f"stat -c %a {firstboot.LOG}") == "600"
    assert next(steps[0].check(guest)).message == f"{firstboot.DONE}/001 ran at the first boot"

    # Run it again with one more script: none runs twice, and the log continues.
    FirstbootCommand(command="echo four >>/srv/order").apply(guest)
    assert guest.ls(firstboot.WAITING) == ["004"]
    guest.run(firstboot.RUNNER)
    guest.run(firstboot.RUNNER)
    assert guest.read("/srv/order") == "one\ntwo\nthree\nfour\n"
    assert guest.read(firstboot.LOG).splitlines()[: len(log)] == log


def test_power_cut_in_the_middle_of_a_script(folder_debian: Guest) -> None:
    guest = folder_debian
    for command in ("echo one >>/srv/order; kill -9 $PPID; sleep 60", "echo two >>/srv/order"):
        FirstbootCommand(command=command).apply(guest)
    with pytest.raises(CommandError):
        guest.run(firstboot.RUNNER)
    assert guest.read("/srv/order") == "one\n"
    guest.run(firstboot.RUNNER)
    assert guest.read("/srv/order") == "one\ntwo\n"
