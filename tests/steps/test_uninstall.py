from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.guest import packages
from builder.guest.guest import Guest
from builder.steps.uninstall import Uninstall


def test_shapes() -> None:
    assert Uninstall.model_validate(["NetworkManager*", "lib[ab]?-dev"]).title.startswith("uninstall NetworkManager*")
    with pytest.raises(ValidationError, match="at least 1"):
        Uninstall.model_validate([])


@pytest.mark.parametrize("name", ["-y", "--purge", "", "two words", "$(id)", "a;b", "a\n"])
def test_refused_names(name: str) -> None:
    with pytest.raises(ValidationError):
        Uninstall(packages=[name])


@pytest.mark.slow
def test_uninstall(guest: Guest) -> None:
    step = Uninstall(packages=["isc-dhcp-*", "no-such-package*"])
    assert [finding.ok for finding in step.check(guest)] == [False, True]
    step.apply(guest)
    assert packages.of(guest).matching(["isc-dhcp-*"]) == []
    assert not guest.exists("/etc/dhcp/dhclient.conf"), "its configuration goes too"
    assert [finding.message for finding in step.check(guest)] == [
        "no installed package matches isc-dhcp-*",
        "no installed package matches no-such-package*",
    ]
    step.apply(guest)  # again: nothing matches, and the step still succeeds
