from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import CommandError
from builder.guest import packages
from builder.guest.guest import Guest
from builder.steps.install import Install


@pytest.mark.parametrize(
    "name", ["hello", "libc6:i386", "g++", "hello=2.10-3", "libc6:i386=1:2.36~rc1", "NetworkManager"]
)
def test_names(name: str) -> None:
    assert Install(packages=[name]).packages == [name]


@pytest.mark.parametrize(
    "name", ["-y", "--allow-unauthenticated", "", "two words", "a;b", "hello-", "hello-=1", "x*", "a\nb"]
)
def test_refused_names(name: str) -> None:
    with pytest.raises(ValidationError):
        Install(packages=[name])


def test_shapes() -> None:
    assert Install.model_validate(["lftp", "lrzsz"]).title == "install lftp lrzsz"
    with pytest.raises(ValidationError, match="list"):
        Install.model_validate("lftp")
    with pytest.raises(ValidationError, match="at least 1"):
        Install.model_validate([])
    with pytest.raises(ValidationError, match="must not begin with -"):
        Install.model_validate(["-y"])


@pytest.mark.slow
def test_install(guest: Guest) -> None:
    step = Install(packages=["hello"])
    assert [finding.message for finding in step.check(guest) if not finding.ok] == ["hello is not installed"]
    step.apply(guest)
    assert guest.query("hello --greeting=there") == "there"
    assert all(finding.ok for finding in step.check(guest))

    found = next(package for package in packages.of(guest).installed() if package.name == "hello")
    exact = f"hello:{found.arch}={found.version}"
    wanted = Install(packages=[exact, "hello=0.1", "hello:i386", "awk"])
    assert [finding.ok for finding in wanted.check(guest)] == [True, False, False, True]

    with pytest.raises(CommandError) as caught:
        Install(packages=["no-such-package-at-all"]).apply(guest)
    assert "Unable to locate package no-such-package-at-all" in str(caught.value)
    assert not guest.exists("/usr/sbin/policy-rc.d")
