from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.guest import firstboot
from builder.guest.guest import Guest
from builder.steps.firstboot_install import FirstbootInstall


def test_shapes() -> None:
    assert FirstbootInstall.model_validate(["lftp", "lrzsz"]).title == "firstboot-install lftp lrzsz"
    for wrong, reason in (
        ("lftp", "list"),
        ([], "at least 1"),
        (["-y"], "must not begin with -"),
        (["a b"], "must be one package name"),
    ):
        with pytest.raises(ValidationError, match=reason):
            FirstbootInstall.model_validate(wrong)


@pytest.mark.slow
def test_apt(guest: Guest) -> None:
    step = FirstbootInstall(packages=["hello"])
    assert not any(finding.ok for finding in step.check(guest))
    step.apply(guest)
    assert all(finding.ok for finding in step.check(guest))
    assert not guest.exists("/usr/bin/hello")
    verified = guest.query("command -v systemd-analyze; systemd-analyze verify golden-firstboot.service 2>&1 || true")
    assert verified.startswith("/"), "the guest has no systemd-analyze"
    assert "golden" not in verified
    # After the seal there are no package lists, and the build's environment is gone.
    guest.run(f"rm -rf /var/lib/apt/lists/*; {firstboot.RUNNER}")
    assert guest.query("hello --greeting=there") == "there"
    assert "Setting up hello" in guest.read(firstboot.LOG)
