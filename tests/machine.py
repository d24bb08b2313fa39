"""A node of plain QEMU, for booting what was published."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from types import TracebackType

from builder import process
from builder.appliance import accelerator

QEMU = "qemu-system-x86_64"


class Machine:
    """A machine that boots from a qcow2; its serial console goes to a file. Ended at the end of the `with`."""

    def __init__(self, disk: Path, console: Path) -> None:
        self.console = console
        self._argv = [
            *(QEMU, "-accel", accelerator.probe(QEMU).kind, "-m", "1024", "-display", "none", "-no-reboot"),
            *("-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe"),
            *("-nic", "user,model=virtio-net-pci,restrict=on"),
            *("-device", "virtio-rng-pci"),
            *("-serial", f"file:{console}"),
        ]

    def __enter__(self) -> Machine:
        self._process = subprocess.Popen(process.bound_to_us(self._argv))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def read_console(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def wait_for(self, *texts: str, timeout: float = 300.0) -> None:
        """Wait until the console has shown all texts; fails with the console's end after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while missing := [text for text in texts if text not in self.read_console()]:
            assert time.monotonic() < deadline, f"{missing} did not appear:\n{self.read_console()[-3000:]}"
            assert self._process.poll() is None, f"QEMU ended:\n{self.read_console()[-3000:]}"
            time.sleep(0.2)
