from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.appliance import Appliance
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.steps.growpart import Growpart
from tests.mounting import throw_away


def test_shapes() -> None:
    assert Growpart.model_validate("/").title == "growpart /"
    for wrong in ("", "var", "/var/", "/a b", "/%i"):
        with pytest.raises(ValidationError):
            Growpart.model_validate(wrong)


@pytest.fixture
def roomy(appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path: Path) -> Iterator[Guest]:
    """A guest on a disk that has room behind its partition."""
    with throw_away(appliance, debian_base, tmp_path, 8 << 30) as guest:
        yield guest


@pytest.mark.slow
def test_growpart(roomy: Guest) -> None:
    guest = roomy
    with pytest.raises(GuestError, match="/srv is no mount point"):
        Growpart(mount="/srv").apply(guest)
    step = Growpart(mount="/")
    assert not all(finding.ok for finding in step.check(guest))
    step.apply(guest)
    findings = list(step.check(guest))
    assert all(finding.ok for finding in findings), findings
    assert findings[0].message == "golden-growpart.service is enabled"
    guest.run("systemd-analyze verify --man=no golden-growpart.service")

    def size() -> int:
        return int(guest.call("statvfs", "/")["blocks"]) * 4096

    assert size() < 4 << 30
    unit = guest.read("/etc/systemd/system/golden-growpart.service")
    command = unit.partition("ExecStart=")[2].partition("\n")[0]
    assert "CHANGED" in guest.run(command)
    assert size() > 7 << 30
    assert "NOCHANGE" in guest.run(command)
