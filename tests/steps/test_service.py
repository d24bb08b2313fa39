from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.service import Service


def test_shapes() -> None:
    step = Service.model_validate({"enable": ["ssh", "getty@tty1"], "mask": ["fstrim.timer", "dbus-org.x"]})
    assert step.enable == ["ssh.service", "getty@tty1.service"]
    assert step.mask == ["fstrim.timer", "dbus-org.x.service"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "set at least one of enable"),
        ({"enable": []}, "set at least one of enable"),
        ({"enable": ["ssh"], "mask": ["ssh.service"]}, "cannot both enable and disable or mask ssh.service"),
        ({"enable": ["--now"]}, "must be the name of a systemd unit"),
        ({"disable": ["a b"]}, "must be the name of a systemd unit"),
        ({"enable": "ssh"}, "list"),
    ],
)
def test_refused(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Service.model_validate(value)


def test_service(folder_debian: Guest) -> None:
    guest = folder_debian
    step = Service.model_validate(
        {"enable": ["ssh.socket", "dbus"], "disable": ["ssh", "getty@tty1"], "mask": ["fstrim.timer"]}
    )
    assert [(finding.ok, finding.message) for finding in step.check(guest)] == [
        (False, "ssh.socket is disabled (expected enabled)"),
        (True, "dbus.service is static"),
        (False, "ssh.service is enabled (expected disabled)"),
        (False, "getty@tty1.service is enabled (expected disabled)"),
        (False, "fstrim.timer is not masked"),
    ]
    step.apply(guest)
    assert guest.exists("/etc/systemd/system/sockets.target.wants/ssh.socket")
    assert not guest.exists("/etc/systemd/system/multi-user.target.wants/ssh.service")
    assert not guest.exists("/etc/systemd/system/getty.target.wants/getty@tty1.service")
    assert guest.read_link("/etc/systemd/system/fstrim.timer") == "/dev/null"
    assert all(finding.ok for finding in step.check(guest))

    for unit, reason in (
        ("shh", 'the guest has no service shh; did you mean "ssh"?'),
        ("fstrm.timer", 'the guest has no timer fstrm; did you mean "fstrim"?'),
        ("qqqqqqqq", "the guest has no service qqqqqqqq"),
    ):
        with pytest.raises(GuestError) as caught:
            Service(enable=[unit]).apply(guest)
        assert caught.value.message == reason
    assert [(f.ok, f.message) for f in Service(enable=["gone"], disable=["gone-too"]).check(guest)] == [
        (False, "gone.service is not-found (expected enabled)"),
        (True, "gone-too.service is not-found"),
    ]
