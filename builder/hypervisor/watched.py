"""Following a machine from its start to its end."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Literal

import libvirt
import libvirt_qemu

from builder.errors import HypervisorError
from builder.hypervisor.calls import call
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain

Condition = Literal["running", "powered off", "reset", "crashed", "ended", "disk full", "disk error"]
"""`crashed` is QEMU's own end, `ended` that some other program ended it."""

WORDS: dict[str, Condition] = {
    "guest-shutdown": "powered off",
    "guest-reset": "reset",
    "guest-panic": "reset",
    "subsystem-reset": "reset",
}
"""QEMU's reasons for a machine's end; the others come from outside of it."""

PATIENCE = 5.0
"""Seconds in which QEMU's reason must have come through to us, once libvirt says that the machine is off."""


class WatchedDomain:
    """A domain whose machine is followed: make it before the domain is started."""

    def __init__(self, hypervisor: Hypervisor, domain: Domain) -> None:
        self._handle = domain.handle
        self._reason = ""
        self._heard = threading.Event()
        # libvirt's own event of the end does not tell a reset from a power-off.
        arguments = (hypervisor.connection, domain.handle, "SHUTDOWN", self._hear, None, 0)
        call(libvirt_qemu.qemuMonitorEventRegister, *arguments)

    def _hear(self, _connection: Any, _domain: Any, _event: str, *rest: Any) -> None:
        """`rest` is seconds, microseconds, details as JSON, and what was registered with it."""
        if not self._heard.is_set():  # what comes later is libvirt ending the emulator
            self._reason = json.loads(rest[2] or "{}").get("reason", "")
            self._heard.set()

    @property
    def condition(self) -> Condition:
        """What has become of the machine. Raises HypervisorError."""
        state, reason = call(self._handle.state)
        if state == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR:
            full = libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE in call(self._handle.diskErrors).values()
            return "disk full" if full else "disk error"
        if state == libvirt.VIR_DOMAIN_CRASHED:
            return "reset"
        if state != libvirt.VIR_DOMAIN_SHUTOFF:
            return "running"
        if reason in (libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED):
            return "crashed"
        self._heard.wait(PATIENCE)
        return WORDS.get(self._reason, "ended")

    def traffic(self, device: str) -> tuple[int, int] | None:
        """The bytes that it has read from a disk, and written; None once it is off. Raises HypervisorError."""
        deadline = time.monotonic() + PATIENCE
        while call(self._handle.isActive):
            try:
                _, read, _, written, _ = call(self._handle.blockStats, device)
            except HypervisorError:
                # QEMU may be ending, which libvirt sees a moment after its monitor has gone.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return read, written
        return None
