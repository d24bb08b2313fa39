from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.steps.serial_console import SerialConsole


def test_shapes() -> None:
    assert SerialConsole.model_validate("ttyS1") == SerialConsole(port="ttyS1", speed=115200)
    assert SerialConsole.model_validate({}) == SerialConsole(port="ttyS0", speed=115200)
    for wrong in ({"port": "/dev/ttyS0"}, {"port": "tty0"}, {"speed": 1200}, {"speed": "9600"}):
        with pytest.raises(ValidationError):
            SerialConsole.model_validate(wrong)


@pytest.mark.slow
def test_serial_console(guest: Guest) -> None:
    settings = guest.read("/etc/default/grub").replace('="quiet"', '="quiet console=ttyS9"')
    guest.write("/etc/default/grub", settings.replace("#GRUB_TERMINAL=console", "GRUB_TERMINAL=gfxterm"))
    step = SerialConsole(port="ttyS1", speed=9600)
    assert not any(finding.ok for finding in step.check(guest))
    step.apply(guest)
    bootloader.of(guest).regenerate()

    config = guest.read("/boot/grub/grub.cfg")
    assert "\nserial --unit=1 --speed=9600 --word=8 --parity=no --stop=1\n" in config
    assert "\nterminal_input console serial\n" in config
    assert "\nterminal_output console serial\n" in config
    assert config.count(" console=tty0 console=ttyS1,9600n8") == 3
    assert "ttyS9" not in config
    assert guest.exists("/etc/systemd/system/getty.target.wants/serial-getty@ttyS1.service")
    findings = list(step.check(guest))
    assert all(finding.ok for finding in findings), findings
    assert "3 of 3 kernel entries have console=tty0 console=ttyS1,9600n8" in [each.message for each in findings]

    other = [finding.message for finding in SerialConsole().check(guest) if not finding.ok]
    assert other == [
        "0 of 3 kernel entries have console=tty0 console=ttyS0,115200n8",
        "the boot loader's menu is not on ttyS0",
        "serial-getty@ttyS0.service is not enabled",
    ]
