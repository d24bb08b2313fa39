from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.timezone import Timezone


def test_shapes() -> None:
    assert Timezone.model_validate("Etc/GMT+1").title == "timezone Etc/GMT+1"
    for wrong in ("", "/etc/passwd", "../../etc/passwd", "Europe/", "Europe/London\n"):
        with pytest.raises(ValidationError):
            Timezone.model_validate(wrong)


def test_timezone(folder_debian: Guest) -> None:
    guest = folder_debian
    step = Timezone(zone="Europe/London")
    guest.remove("/usr/share/zoneinfo/Europe/London")
    with pytest.raises(GuestError, match="no time zone Europe/London"):
        step.apply(guest)

    guest.mkdir("/usr/share/zoneinfo/Europe")
    guest.write("/usr/share/zoneinfo/Europe/London", "a zone")
    guest.write("/etc/timezone", "Etc/UTC\n")
    assert not any(finding.ok for finding in step.check(guest))
    step.apply(guest)
    assert guest.read_link("/etc/localtime") == "/usr/share/zoneinfo/Europe/London"
    assert guest.read("/etc/localtime") == "a zone"
    assert guest.read("/etc/timezone") == "Europe/London\n"
    assert all(finding.ok for finding in step.check(guest))

    guest.write("/etc/timezone", "Etc/UTC\n")
    assert [finding.message for finding in step.check(guest) if not finding.ok] == [
        "/etc/timezone has Etc/UTC (expected Europe/London)"
    ]
