from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.truncate_recursive import TruncateRecursive


def test_the_whole_guest_is_refused() -> None:
    with pytest.raises(ValidationError, match="/ would empty the whole guest"):
        TruncateRecursive.model_validate("/")


def test_truncate_recursive(folder_debian: Guest) -> None:
    guest = folder_debian
    for path in ("/srv/logs/it's", "/srv/logs/deep/.er/x", "/srv/precious", "/srv/more/x"):
        guest.write(path, "text", mode=0o4640, owner="12:34")
    guest.link("/srv/precious", "/srv/logs/link")
    guest.link("/srv/more", "/srv/alias")
    step = TruncateRecursive.model_validate(["/srv/logs", "/srv/alias"])
    assert [finding.ok for finding in step.check(guest)] == [False, False]
    step.apply(guest)
    assert [finding.ok for finding in step.check(guest)] == [True, True]
    look = "cd /srv; stat -c '%a %u:%g %s' logs/it\\'s logs/deep/.er/x more/x precious"
    assert guest.query(look).splitlines() == [*["4640 12:34 0"] * 3, "4640 12:34 4"]
    with pytest.raises(GuestError, match="the guest has no /srv/none"):
        TruncateRecursive.model_validate("/srv/none").apply(guest)
    with pytest.raises(GuestError, match="/srv/precious is not a folder"):
        TruncateRecursive.model_validate("/srv/precious").apply(guest)
