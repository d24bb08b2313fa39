"""Watching a domain's machine from its start to its end."""

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
"""`crashed`: QEMU itself died. `ended`: another program ended the machine."""

CONDITIONS: dict[str, Condition] = {
    "guest-shutdown": "powered off",
    "guest-reset": "reset",
    "guest-panic": "reset",
    "subsystem-reset": "reset",
}
"""QEMU's shutdown reasons that come from the guest; all others come from outside."""

PATIENCE = 5.0
"""Seconds to wait for QEMU's reason after libvirt reports that the machine is off."""


class WatchedDomain:
    """A domain whose machine is watched. Create this before the domain starts."""

    def __init__(self, hypervisor: Hypervisor, domain: Domain) -> None:
        self._handle = domain.handle
        self._reason = ""
        self._received = threading.Event()
        # libvirt's own shutdown event does not tell a reset from a power-off.
        arguments = (hypervisor.connection, domain.handle, "SHUTDOWN", self._on_shutdown, None, 0)
        call(libvirt_qemu.qemuMonitorEventRegister, *arguments)

    def _on_shutdown(self, _connection: Any, _domain: Any, _event: str, *rest: Any) -> None:
        """`rest` is seconds, microseconds, the details as JSON, and the opaque value of the registration."""
        if not self._received.is_set():  # a later event is libvirt ending QEMU
            self._reason = json.loads(rest[2] or "{}").get("reason", "")
            self._received.set()

    @property
    def condition(self) -> Condition:
        """The state of the machine, or how it ended. Raises HypervisorError."""
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
        self._received.wait(PATIENCE)
        return CONDITIONS.get(self._reason, "ended")

    def traffic(self, device: str) -> tuple[int, int] | None:
        """Bytes read from and written to a disk so far; None once the machine is off. Raises HypervisorError."""
        deadline = time.monotonic() + PATIENCE
        while call(self._handle.isActive):
            try:
                _, read, _, written, _ = call(self._handle.blockStats, device)
            except HypervisorError:
                # QEMU may be exiting: libvirt notices a moment after the monitor is gone.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return read, written
        return None
