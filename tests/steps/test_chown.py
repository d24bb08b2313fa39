from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.chown import Chown


@pytest.mark.parametrize("owner", ["", "a:b:c", "-x", "a b", ":adm"])
def test_refused(owner: str) -> None:
    with pytest.raises(ValidationError, match="owner"):
        Chown(path="/x", owner=owner)


def test_chown(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/tree/folder/it's", "", mode=0o600)
    guest.write("/srv/else", "")
    guest.link("/srv/else", "/srv/tree/link")
    guest.link("tree", "/srv/alias")
    one = Chown(path="/srv/alias", owner="daemon")
    assert [finding.ok for finding in one.check(guest)] == [False]
    one.apply(guest)
    assert [finding.ok for finding in one.check(guest)] == [True]
    paths = 'tree tree/folder "tree/folder/it\'s" tree/link alias else'
    look = f"cd /srv; stat -c '%a %U:%G' {paths}"
    assert guest.query(look).splitlines() == [
        "755 daemon:daemon",
        "755 root:root",
        "600 root:root",
        "777 root:root",
        "777 root:root",
        "644 root:root",
    ]

    all_of_it = Chown(path="/srv/alias", owner="daemon:adm", recursive=True)
    Chown(path="/srv/tree", owner="daemon:adm").apply(guest)
    (message,) = (finding.message for finding in all_of_it.check(guest) if not finding.ok)
    # find reports the first mismatch in the file system's order.
    assert re.fullmatch(r"/srv/tree/(folder|folder/.+|file|link) belongs to 0:0 \(expected [0-9]+:[0-9]+\)", message)
    all_of_it.apply(guest)
    assert [finding.ok for finding in all_of_it.check(guest)] == [True, True]
    assert guest.query(look).splitlines() == [
        "755 daemon:adm",
        "755 daemon:adm",
        "600 daemon:adm",
        "777 daemon:adm",
        "777 root:root",
        "644 root:root",
    ]

    Chown(path="/srv/else", owner="4242:4343").apply(guest)
    assert guest.query("stat -c %u:%g /srv/else") == "4242:4343"
    with pytest.raises(GuestError, match="no user nobody-here"):
        Chown(path="/srv/else", owner="nobody-here").apply(guest)
    with pytest.raises(GuestError, match="the guest has no /srv/none"):
        Chown(path="/srv/none", owner="root").apply(guest)
