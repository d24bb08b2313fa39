from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.steps.update import Update

STATUS = "/var/lib/dpkg/status"


def test_shape() -> None:
    assert Update.model_validate(True).title == "update"


@pytest.mark.parametrize("value", [False, "yes", 1, {}])
def test_everything_or_nothing(value: object) -> None:
    with pytest.raises(ValidationError):
        Update.model_validate(value)


@pytest.mark.slow
def test_update(guest: Guest) -> None:
    step = Update(everything=True)
    step.apply(guest)
    assert guest.query("apt-get -s dist-upgrade | grep -c '^Inst' || true") == "0"
    assert [(finding.ok, finding.message) for finding in step.check(guest)] == [
        (True, "all packages are completely installed")
    ]
    before, name, after = guest.read(STATUS).partition("Package: mawk\n")
    guest.write(STATUS, before + name + after.replace("Status: install ok installed", "Status: install ok unpacked", 1))
    assert [(finding.ok, finding.message) for finding in step.check(guest)] == [
        (False, "not completely installed: mawk")
    ]
