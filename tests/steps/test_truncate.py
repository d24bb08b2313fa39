from __future__ import annotations

import pytest

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.truncate import Truncate


def test_truncate(folder_debian: Guest) -> None:
    guest = folder_debian
    for name in ("it's", "other"):
        guest.write(f"/srv/{name}", "text", mode=0o4640, owner="12:34")
    guest.link("other", "/srv/alias")
    step = Truncate.model_validate(["/srv/it's", "/srv/alias"])
    assert [finding.ok for finding in step.check(guest)] == [False, False]
    step.apply(guest)
    assert [finding.ok for finding in step.check(guest)] == [True, True]
    assert guest.query("cd /srv; stat -c '%a %u:%g %s' it\\'s other").splitlines() == ["4640 12:34 0"] * 2
    assert guest.read_link("/srv/alias") == "other"
    assert list(step.kept_paths()) == step.paths
    with pytest.raises(GuestError, match="the guest has no /srv/none"):
        Truncate.model_validate("/srv/none").apply(guest)
    with pytest.raises(GuestError, match="/srv"):
        Truncate.model_validate("/srv").apply(guest)
    guest.remove("/srv/other")
    assert [finding.ok for finding in step.check(guest)] == [True, False]
