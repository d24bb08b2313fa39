from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.chmod import Chmod


def test_refused() -> None:
    with pytest.raises(ValidationError, match="put it in quotes"):
        Chmod.model_validate({"path": "/x", "mode": 600})
    with pytest.raises(ValidationError, match="octal"):
        Chmod.model_validate({"path": "/x", "mode": "u+x"})


def test_chmod(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/file", "", mode=0o640, owner="12:34")
    guest.link("file", "/srv/alias")
    guest.mkdir("/srv/folder")
    for path, mode in (("/srv/file", "0600"), ("/srv/folder", "2775"), ("/srv/alias", "4711")):
        step = Chmod(path=path, mode=mode)
        assert [finding.ok for finding in step.check(guest)] == [False]
        step.apply(guest)
        assert [finding.ok for finding in step.check(guest)] == [True]
    assert guest.query("cd /srv; stat -c '%a %u:%g' file folder alias").splitlines() == [
        "4711 12:34",
        "2775 0:0",
        "777 0:0",
    ]
    missing = Chmod(path="/srv/none", mode="0600")
    with pytest.raises(GuestError, match="the guest has no /srv/none"):
        missing.apply(guest)
    assert [finding.message for finding in missing.check(guest)] == ["/srv/none is missing"]
