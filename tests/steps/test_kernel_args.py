from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.steps.kernel_args import KernelArgs


@pytest.mark.parametrize("argument", ["", "two words", "tab\tbed", 'a="b"', "it's", "a\n", "mem=1K$2", "a;b", "{"])
def test_refused_arguments(argument: str) -> None:
    with pytest.raises(ValidationError):
        KernelArgs(add=[argument])


def test_an_empty_step_is_refused() -> None:
    with pytest.raises(ValidationError, match="add, remove or both"):
        KernelArgs()


@pytest.mark.slow
def test_kernel_args(guest: Guest) -> None:
    # As in cloud images: a file that is read later overrides /etc/default/grub.
    cloud = "/etc/default/grub.d/15_cloud.cfg"
    guest.write(
        cloud,
        "echo noise\nGRUB_CMDLINE_LINUX='console=tty0 console=ttyS9,9600 consoleblank=0'\n"
        'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX loglevel=7 apparmor=1" # more\n'
        "GRUB_DISABLE_RECOVERY=false",
    )
    step = KernelArgs(
        add=["net.ifnames=0", "biosdevname=0", "apparmor=1", "loglevel=3", "net.ifnames=0"],
        remove=["quiet", "console=ttyS*", "loglevel"],
    )
    assert not all(finding.ok for finding in step.check(guest))
    step.apply(guest)
    bootloader.of(guest).regenerate()

    assert (
        'GRUB_CMDLINE_LINUX="console=tty0 consoleblank=0 apparmor=1 net.ifnames=0 biosdevname=0 loglevel=3" # more\n'
        in guest.read(cloud)
    )
    assert 'GRUB_CMDLINE_LINUX_DEFAULT=""\nGRUB_CMDLINE_LINUX=""\n' in guest.read("/etc/default/grub")
    kernels = [line for line in guest.read("/boot/grub/grub.cfg").splitlines() if "/boot/vmlinuz" in line]
    assert sum(" single " in line for line in kernels) == 1
    assert len(kernels) == 3
    for line in kernels:
        assert " consoleblank=0 apparmor=1 net.ifnames=0 biosdevname=0 loglevel=3" in line
        assert "quiet" not in line
        assert "ttyS9" not in line
        assert "loglevel=7" not in line
    assert [finding.message for finding in step.check(guest)] == [
        "the boot loader has 3 kernel entries",
        *(f"3 of 3 kernel entries have {each}" for each in step.add),
        "removed kernel arguments that are still present: none",
    ]
    assert all(finding.ok for finding in step.check(guest))

    guest.write("/boot/grub/grub.cfg", guest.read("/boot/grub/grub.cfg").replace(" ro single", " ro single quiet"))
    assert [finding.message for finding in step.check(guest) if not finding.ok] == [
        "removed kernel arguments that are still present: quiet"
    ]
    guest.remove("/boot/grub/grub.cfg")
    assert not all(finding.ok for finding in step.check(guest))
