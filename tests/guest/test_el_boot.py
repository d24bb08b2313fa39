"""Boot loader, network and locale of EL-shaped guests, as the steps leave them."""

from __future__ import annotations

import re

import pytest

from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.steps import Step
from builder.steps.boot_loader import BootLoader
from builder.steps.fstab import Fstab
from builder.steps.hostname import Hostname
from builder.steps.interface import Interface
from builder.steps.kernel_args import KernelArgs
from builder.steps.locale import Locale
from builder.steps.serial_console import SerialConsole
from builder.steps.timezone import Timezone
from builder.steps.uninstall import Uninstall

pytestmark = pytest.mark.slow

ARGUMENTS = KernelArgs(add=["biosdevname=0", "net.ifnames=0"], remove=["rhgb", "quiet"])
SERIAL = SerialConsole(port="ttyS0", speed=115200)
DEVICES = Fstab(naming="device-names")


def wrong(step: Step, guest: Guest) -> list[str]:
    return [finding.message for finding in step.check(guest) if not finding.ok]


def apply_all(guest: Guest, *steps: Step) -> None:
    for step in steps:
        assert wrong(step, guest), f"{step.title} proves nothing"
    for step in steps:
        step.apply(guest)
    BootLoader().apply(guest)
    for step in (*steps, BootLoader()):
        assert wrong(step, guest) == []


def test_kernel_arguments_of_centos7(centos7_guest: Guest) -> None:
    guest = centos7_guest
    apply_all(guest, ARGUMENTS, SERIAL, DEVICES)
    lines = re.findall(r"^\s*linux(?:16)?\s+\S+ (.*)$", guest.read("/boot/grub2/grub.cfg"), re.MULTILINE)
    assert lines
    for line in lines:
        words = line.split()
        assert {"root=/dev/vda1", "biosdevname=0", "net.ifnames=0", "crashkernel=auto"} <= set(words)
        assert [word for word in words if word.startswith("console=")] == ["console=tty0", "console=ttyS0,115200n8"]
        assert not {"rhgb", "quiet"} & set(words)
    assert re.search(r"^/dev/vda1\s+/\s+xfs", guest.read("/etc/fstab"), re.MULTILINE)
    Fstab(naming="uuid").apply(guest)
    BootLoader().apply(guest)
    assert wrong(Fstab(naming="uuid"), guest) == []
    assert wrong(DEVICES, guest) != []


def test_kernel_arguments_of_almalinux9(almalinux9_guest: Guest) -> None:
    guest = almalinux9_guest
    entries = guest.glob("/boot/loader/entries/*.conf")
    apply_all(guest, ARGUMENTS, SERIAL, DEVICES)
    assert guest.glob("/boot/loader/entries/*.conf") == entries
    for entry in entries:
        (options,) = re.findall(r"^options (.*)$", guest.read(entry), re.MULTILINE)
        assert options.split() == [
            *("root=/dev/vda1", "ro", "crashkernel=1G-4G:192M", "biosdevname=0", "net.ifnames=0"),
            *("console=tty0", "console=ttyS0,115200n8", "$tuned_params"),
        ]
    # What the next kernel gets.
    assert "net.ifnames=0" in guest.read("/etc/kernel/cmdline").split()
    assert "net.ifnames=0" in bootloader.of(guest).get_arguments(bootloader.COMMON)


def test_kernel_arguments_that_entries_share(almalinux9_guest: Guest) -> None:
    # EL 8: the entries name a variable of GRUB's environment.
    guest = almalinux9_guest
    for entry in guest.glob("/boot/loader/entries/*.conf"):
        guest.write(entry, re.sub(r"(?m)^options .*$", "options $kernelopts $tuned_params", guest.read(entry)))
    guest.run("grub2-editenv /boot/grub2/grubenv set 'kernelopts=root=UUID=x ro quiet '")
    ARGUMENTS.apply(guest)
    DEVICES.apply(guest)
    assert guest.query("grub2-editenv /boot/grub2/grubenv list | grep ^kernelopts=") == (
        "kernelopts=root=/dev/vda1 ro biosdevname=0 net.ifnames=0"
    )
    assert wrong(ARGUMENTS, guest) == wrong(DEVICES, guest) == []
    assert all("options $kernelopts $tuned_params" in guest.read(entry) for entry in bootloader.of(guest).entries.files)  # type: ignore[union-attr]


def test_network_of_centos7(centos7_guest: Guest) -> None:
    guest = centos7_guest
    step = Interface(name="eth0", method="dhcp", ipv6=False)
    Uninstall(packages=["NetworkManager*"]).apply(guest)
    assert wrong(step, guest)
    step.apply(guest)
    assert wrong(step, guest) == []
    assert guest.read("/etc/sysconfig/network-scripts/ifcfg-eth0") == (
        'DEVICE="eth0"\nONBOOT="yes"\nTYPE="Ethernet"\nBOOTPROTO="dhcp"\nIPV6INIT="no"\n'
    )
    static = Interface(name="eth0", method="static", address="10.0.0.2/8", gateway="10.0.0.1", dns=["10.0.0.1"])
    static.apply(guest)
    assert wrong(static, guest) == []
    told = guest.query(". /etc/sysconfig/network-scripts/ifcfg-eth0; echo $BOOTPROTO $IPADDR/$PREFIX $GATEWAY $DNS1")
    assert told == "none 10.0.0.2/8 10.0.0.1 10.0.0.1"


def test_name_zone_and_language_of_centos7(centos7_guest: Guest) -> None:
    guest = centos7_guest
    steps = (Hostname(hostname="node.example.com"), Timezone(zone="Etc/GMT-3"), Locale(locale="en_US.UTF-8"))
    for step in steps:
        assert wrong(step, guest)
        step.apply(guest)
        assert wrong(step, guest) == []
    assert guest.read("/etc/hostname") == "node.example.com\n"
    assert "LANG=en_US.UTF-8" in guest.read("/etc/locale.conf").splitlines()


def test_a_new_kernel_gets_the_arguments_of_the_old(almalinux9_guest: Guest) -> None:
    # EL 9's kernel-install asks /proc/cmdline, where it finds no /etc/kernel/cmdline.
    assert almalinux9_guest.query("cat /proc/cmdline").split() == [
        *(f"root=UUID={almalinux9_guest.call('vfs_uuid', f'{almalinux9_guest.device}1')}", "ro"),
        *("crashkernel=1G-4G:192M", "rhgb", "quiet"),
    ]
    almalinux9_guest.leave_chroot()
    assert almalinux9_guest.ls("/proc") == []


def test_entries_name_the_disk_as_a_node_knows_it(almalinux9_guest: Guest) -> None:
    """Appliances without hot-plug call it /dev/sda."""
    guest = almalinux9_guest
    here = guest.device
    DEVICES.apply(guest)
    for entry in guest.glob("/boot/loader/entries/*.conf"):
        guest.write(entry, guest.read(entry).replace("root=/dev/vda1", "root=/dev/sda1"))
    guest.device = "/dev/sda"
    try:
        bootloader.of(guest).regenerate()
    finally:
        guest.device = here
    assert {word for line in bootloader.of(guest).kernel_lines() for word in line if word.startswith("root=")} == {
        "root=/dev/vda1"
    }
