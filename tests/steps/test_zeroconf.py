from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.steps.zeroconf import FILE, Zeroconf


def test_shapes() -> None:
    assert Zeroconf.model_validate(False).enabled is False
    wrong: list[Any] = ["no", "yes", 0, None]
    for value in wrong:
        with pytest.raises(ValidationError, match="boolean"):
            Zeroconf.model_validate(value)


def test_zeroconf(folder_centos7: Guest) -> None:
    guest = folder_centos7
    off, on = Zeroconf(enabled=False), Zeroconf(enabled=True)
    assert [(finding.ok, finding.message) for finding in off.check(guest)] == [
        (False, "NOZEROCONF is not set (expected yes)")
    ]
    assert all(finding.ok for finding in on.check(guest))
    guest.write(FILE, "# Created by anaconda\nNETWORKING=yes\nNOZEROCONF=\n")
    assert not any(finding.ok for finding in off.check(guest))
    off.apply(guest)
    off.apply(guest)
    assert guest.read(FILE) == '# Created by anaconda\nNETWORKING=yes\nNOZEROCONF="yes"\n'
    assert [(finding.ok, finding.message) for finding in off.check(guest)] == [(True, "NOZEROCONF is yes")]
    assert not any(finding.ok for finding in on.check(guest))
    on.apply(guest)
    assert guest.read(FILE) == "# Created by anaconda\nNETWORKING=yes\n"
    assert all(finding.ok for finding in on.check(guest))
    guest.remove(FILE)
    off.apply(guest)
    assert guest.read(FILE) == 'NOZEROCONF="yes"\n'
    assert guest.query(f"stat -c '%a %u:%g' {FILE}") == "644 0:0"
