"""Runs a throwaway clone in plain QEMU: it needs no daemon and ends with this process."""

from __future__ import annotations

import secrets
import subprocess
import uuid
from pathlib import Path
from types import TracebackType

from builder import process
from builder.errors import HostError, tail
from builder.verify.hardware import Firmware, Hardware

MIB = 1 << 20


class CloneMachine:
    """A machine on an overlay in its own folder; it runs within a `with` statement.

    ::

        FOLDER/
        ├── disk.qcow2
        ├── console        the first serial port
        ├── answers        the second
        ├── variables.fd   UEFI's variables
        └── qemu           QEMU's own messages
    """

    def __init__(self, folder: Path, hardware: Hardware, accelerator: str, firmware: Firmware | None) -> None:
        self._folder = folder
        self._hardware = hardware
        self._accelerator = accelerator
        self._firmware = firmware
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def console(self) -> Path:
        return self._folder / "console"

    @property
    def answers(self) -> Path:
        return self._folder / "answers"

    def __enter__(self) -> CloneMachine:
        qemu = find_qemu(self._hardware.arch)
        try:
            with (self._folder / "qemu").open("wb") as log:
                argv = process.bound_to_us([qemu, *self._arguments()])
                self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            raise HostError("cannot start QEMU for a clone", details=str(error)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    @property
    def ended(self) -> str | None:
        """How it ended, in words; None while it runs. Raises HostError if QEMU failed."""
        assert self._process is not None, "it was not started"
        status = self._process.poll()
        if status is None:
            return None
        if status == 0:
            return "it powered off"
        how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        log = (self._folder / "qemu").read_text(errors="replace")
        raise HostError(
            f"QEMU failed while it ran a clone: it {how}",
            details=tail(log) or None,
            hint="check that this host has memory for two clones, and free space in the output folder",
        )

    def _arguments(self) -> list[str]:
        """The same hardware that libvirt starts for the version's domain, on a network without a way out of QEMU."""
        own = self._hardware
        mac = ":".join(["52:54:00", *(f"{byte:02x}" for byte in secrets.token_bytes(3))])
        nic = "virtio-net-pci" if own.nic == "virtio" else own.nic
        arguments = [
            *("-nodefaults", "-no-user-config", "-display", "none", "-uuid", str(uuid.uuid4())),
            *("-machine", own.machine, "-accel", self._accelerator),
            *("-cpu", "host" if self._accelerator == "kvm" else "max"),
            *("-smp", str(own.vcpus), "-m", str(max(own.memory // MIB, 1))),
            *self._flash(),
            *("-drive", f"file={_quoted(self._folder / 'disk.qcow2')},format=qcow2,if=none,id=disk,cache=unsafe"),
            *("-device", "virtio-blk-pci,drive=disk,bootindex=1"),
            *("-netdev", "user,id=net,restrict=on", "-device", f"{nic},netdev=net,mac={mac}"),
            *("-device", "virtio-rng-pci"),
        ]
        for path in (self.console, self.answers):
            arguments += ["-chardev", f"file,id={path.name},path={_quoted(path)}", "-serial", f"chardev:{path.name}"]
        if own.channels:
            arguments += ["-device", "virtio-serial-pci"]
        for number, name in enumerate(own.channels):
            arguments += ["-chardev", f"null,id=channel{number}"]
            arguments += ["-device", f"virtserialport,chardev=channel{number},name={name}"]
        return arguments

    def _flash(self) -> list[str]:
        if self._firmware is None:
            return []
        variables = self._firmware.copy_variables(self._folder / "variables.fd")
        return [
            *("-drive", f"if=pflash,format=raw,readonly=on,file={_quoted(self._firmware.code)}"),
            *("-drive", f"if=pflash,format=raw,file={_quoted(variables)}"),
        ]


def find_qemu(arch: str) -> str:
    """QEMU for an architecture. Raises HostError if it is not installed."""
    return process.find_tool(f"qemu-system-{arch}", package="qemu-system-x86" if arch == "x86_64" else "qemu-system")


def _quoted(path: Path) -> str:
    """A path, escaped for a QEMU option."""
    return str(path).replace(",", ",,")
