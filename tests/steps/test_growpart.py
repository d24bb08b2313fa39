from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.appliance.appliance import Appliance
from builder.errors import CommandError, GuestError
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.inputs import RecipeContext
from builder.steps.gpg_key import GpgKey
from builder.steps.growpart import Growpart
from builder.steps.repo import Repo
from tests.guests import ElGuest
from tests.mounting import throw_away
from tests.servers import http_server


def test_shapes() -> None:
    assert Growpart.model_validate("/").title == "growpart /"
    for wrong in ("", "var", "/var/", "/a b", "/%i"):
        with pytest.raises(ValidationError):
            Growpart.model_validate(wrong)


def size(guest: Guest) -> int:
    """Return the size of the guest's root file system in bytes."""
    about = guest.call("statvfs", "/")
    return int(about["blocks"]) * int(about["frsize"])


def grow(guest: Guest) -> str:
    """Run what the unit runs at every boot, and return its output."""
    unit = guest.read("/etc/systemd/system/golden-growpart.service")
    return guest.run(unit.partition("ExecStart=")[2].partition("\n")[0])


@pytest.fixture
def enlarged(appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path: Path) -> Iterator[Guest]:
    """A guest on a disk with free space behind its partition."""
    with throw_away(appliance, debian_base, tmp_path, 8 << 30) as guest:
        yield guest


@pytest.mark.slow
def test_growpart(enlarged: Guest) -> None:
    guest = enlarged
    with pytest.raises(GuestError, match="the guest has no mount point /srv"):
        Growpart(mount="/srv").apply(guest)
    step = Growpart(mount="/")
    assert not all(finding.ok for finding in step.check(guest))
    step.apply(guest)
    findings = list(step.check(guest))
    assert all(finding.ok for finding in findings), findings
    assert findings[0].message == "golden-growpart.service is enabled"
    guest.run("systemd-analyze verify --man=no golden-growpart.service")
    assert size(guest) < 4 << 30
    assert "CHANGED" in grow(guest)
    assert size(guest) > 7 << 30
    assert "NOCHANGE" in grow(guest)


@pytest.mark.slow
def test_xfs_on_centos7(appliance: Appliance, centos7: ElGuest, tmp_path: Path) -> None:
    with throw_away(appliance, centos7.base, tmp_path, 8 << 30) as guest:
        step = Growpart(mount="/")
        assert {finding.message for finding in step.check(guest) if not finding.ok} == {
            "golden-growpart.service is not enabled",
            "/usr/lib/golden/growpart is missing",
            "/usr/bin/growpart is missing",
        }
        with pytest.raises(CommandError, match="cloud-utils-growpart"):
            step.apply(guest)  # the guest has no repository yet
        with http_server(centos7.repository) as server:
            GpgKey.model_validate("key", context=RecipeContext(centos7.folder)).apply(guest)
            Repo.model_validate({"id": "local", "baseurl": server.url}, context=RecipeContext(centos7.folder)).apply(
                guest
            )
            step.apply(guest)
        findings = list(step.check(guest))
        assert all(finding.ok for finding in findings), findings
        assert "/usr/sbin/xfs_growfs exists" in {finding.message for finding in findings}
        guest.write("/before", "the same\n")
        assert size(guest) < 4 << 30
        assert "CHANGED" in grow(guest)
        assert size(guest) > 7 << 30
        assert "NOCHANGE" in grow(guest)
        assert guest.read("/before") == "the same\n"
