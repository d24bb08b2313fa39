from __future__ import annotations

import pytest

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.touch import Touch


def test_touch(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/there", "text", mode=0o640, owner="12:34")
    guest.run("touch -d 2001-01-01 /srv/there", quiet=True)
    step = Touch.model_validate(["/srv/new/deep/it's", "/srv/there"])
    assert [finding.ok for finding in step.check(guest)] == [False, True]
    step.apply(guest)
    assert [finding.ok for finding in step.check(guest)] == [True, True]
    assert guest.query("cd /srv; stat -c '%a %u:%g %s' new/deep/it\\'s there").splitlines() == [
        "644 0:0 0",
        "640 12:34 4",
    ]
    assert guest.query("find /srv/there -newermt 2010-01-01") == "/srv/there"
    assert list(step.kept_paths()) == step.paths
    with pytest.raises(GuestError, match="/srv"):
        Touch.model_validate("/srv").apply(guest)
