from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.inputs import KeyContext
from builder.steps.mkdir import Mkdir


def test_shapes() -> None:
    keys = {str(Mkdir.model_validate(value).key_options(KeyContext(b""))) for value in ("/a", ["/a"], {"paths": "/a"})}
    assert len(keys) == 1
    assert Mkdir.model_validate(["/a", "/b"]).title == "mkdir /a /b"
    for wrong in ("", "a", [], ["/a", "b"], [5], 5, {"path": "/a"}):
        with pytest.raises(ValidationError):
            Mkdir.model_validate(wrong)


def test_mkdir(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.mkdir("/srv/there", 0o700)
    guest.link("there", "/srv/alias")
    step = Mkdir.model_validate(["/srv/new/deep/it's", "/srv/there", "/srv/alias/in"])
    assert [finding.ok for finding in step.check(guest)] == [False, True, False]
    step.apply(guest)
    assert [finding.ok for finding in step.check(guest)] == [True, True, True]
    assert guest.query("cd /srv; stat -c '%a %u:%g' new new/deep/it\\'s there there/in").splitlines() == [
        "755 0:0",
        "755 0:0",
        "700 0:0",
        "755 0:0",
    ]
    assert guest.stat("/srv/alias").kind == "link"
    assert list(step.kept_paths()) == step.paths
    guest.write("/srv/file", "")
    for path in ("/srv/file", "/srv/file/below"):
        with pytest.raises(GuestError, match=path):
            Mkdir.model_validate(path).apply(guest)
