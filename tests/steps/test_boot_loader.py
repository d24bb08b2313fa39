from __future__ import annotations

import pytest

from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.steps.boot_loader import BootLoader

pytestmark = pytest.mark.slow


def test_the_generated_configuration_follows_the_settings(guest: Guest) -> None:
    grub = bootloader.of(guest)
    grub.set("GRUB_CMDLINE_LINUX", "answer=42")
    assert not any("answer=42" in line for line in grub.kernel_lines())

    step = BootLoader()
    step.apply(guest)

    assert all("answer=42" in line for line in grub.kernel_lines())
    assert [finding.ok for finding in step.check(guest)] == [True]

    guest.write("/boot/grub/grub.cfg", "# nothing to boot\n")
    assert [finding.ok for finding in step.check(guest)] == [False]
