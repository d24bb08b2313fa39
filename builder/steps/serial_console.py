from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from builder.findings import Finding
from builder.guest import bootloader, systemd
from builder.guest.guest import Guest
from builder.inputs import Matching
from builder.steps.step import Step


class SerialConsole(
    Step,
    name="serial-console",
    version=1,
    shorthand="port",
    changes_boot=True,
    example="serial-console: {port: ttyS0, speed: 115200}",
):
    """Use a serial port for the boot menu, kernel messages and login.

    The screen still shows the menu and the messages. The port becomes /dev/console: the step replaces
    all `console=` arguments of the kernel, and the last one determines /dev/console.
    """

    port: Annotated[str, Matching(r"^ttyS[0-9]$", "must be a serial port, ttyS0 to ttyS9")] = Field(
        default="ttyS0", description="Name of the serial port in the guest."
    )
    speed: Literal[9600, 19200, 38400, 57600, 115200] = Field(
        default=115200, description="Speed of the serial port, in bits per second."
    )

    @property
    def _consoles(self) -> list[str]:
        return ["console=tty0", f"console={self.port},{self.speed}n8"]

    @property
    def _serial_command(self) -> str:
        return f"serial --unit={self.port.removeprefix('ttyS')} --speed={self.speed} --word=8 --parity=no --stop=1"

    @property
    def _getty(self) -> str:
        return f"serial-getty@{self.port}.service"

    def apply(self, guest: Guest) -> None:
        grub = bootloader.of(guest)
        grub.change_arguments(lambda argument: argument.startswith("console="), self._consoles)
        grub.set("GRUB_TERMINAL", "console serial")
        grub.set("GRUB_SERIAL_COMMAND", self._serial_command)
        systemd.systemctl(guest, "enable", [self._getty])

    def check(self, guest: Guest) -> Iterator[Finding]:
        grub = bootloader.of(guest)
        lines = grub.kernel_lines()
        count = sum([each for each in line if each.startswith("console=")] == self._consoles for line in lines)
        yield Finding(
            count == len(lines) > 0, f"{count} of {len(lines)} kernel entries have {' '.join(self._consoles)}"
        )
        config = [line.strip() for line in grub.config().splitlines()]
        menu = self._serial_command in config and "terminal_output console serial" in config
        yield Finding(menu, f"the boot loader's menu is {'' if menu else 'not '}on {self.port}")
        login = systemd.is_enabled(guest, self._getty)
        yield Finding(login, f"{self._getty} is {'' if login else 'not '}enabled")
