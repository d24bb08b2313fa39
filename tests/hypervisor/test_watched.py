"""The condition of a machine, from what libvirt and QEMU report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import libvirt
import libvirt_qemu
import pytest

from builder.errors import HypervisorError
from builder.events import silent
from builder.hypervisor import watched
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain
from builder.hypervisor.watched import WatchedDomain


class Handle:
    """A libvirt domain. With `lag`, its monitor is broken, and `isActive` becomes false at call number `lag`."""

    def __init__(self, state: tuple[int, int] = (libvirt.VIR_DOMAIN_RUNNING, 0), lag: int | None = None) -> None:
        self.now = state
        self.lag = lag
        self.errors: dict[str, int] = {}

    def state(self) -> tuple[int, int]:
        return self.now

    def diskErrors(self) -> dict[str, int]:
        return self.errors

    def isActive(self) -> bool:
        if self.lag is not None:
            self.lag -= 1
        return self.lag is None or self.lag > 0

    def blockStats(self, device: str) -> tuple[int, ...]:
        if self.lag is not None:
            raise libvirt.libvirtError("Unable to write to monitor: Broken pipe")
        return (1, 512, 2, 1024, 0)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls that register for QEMU's events."""
    calls: list[Any] = []
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorEventRegister", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(watched, "PATIENCE", 0.2)
    return calls


def watch(handle: Handle, tmp_path: Path) -> WatchedDomain:
    return WatchedDomain(Hypervisor(None, "test:///default", tmp_path, silent), Domain(handle))


def test_the_counters_of_a_running_machine(tmp_path: Path) -> None:
    assert watch(Handle(), tmp_path).traffic("vda") == (512, 1024)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_a_machine_that_ends_during_the_call_has_no_counters(lag: int, tmp_path: Path) -> None:
    assert watch(Handle(lag=lag), tmp_path).traffic("vda") is None


def test_unreadable_counters_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(HypervisorError):
        watch(Handle(lag=1_000_000), tmp_path).traffic("vda")


@pytest.mark.parametrize(
    ("reason", "condition"),
    [
        ("guest-shutdown", "powered off"),
        ("guest-reset", "reset"),
        ("host-signal", "ended"),
        (None, "ended"),
    ],
)
def test_the_first_reason_counts(reason: str | None, condition: str, registered: list[Any], tmp_path: Path) -> None:
    machine = watch(Handle((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN)), tmp_path)
    on_shutdown = registered[0][3]
    for each in filter(None, (reason, "host-signal" if reason else None)):
        on_shutdown(None, None, "SHUTDOWN", 0, 0, json.dumps({"reason": each}), None)
    assert machine.condition == condition


@pytest.mark.parametrize(
    ("state", "errors", "condition"),
    [
        ((libvirt.VIR_DOMAIN_RUNNING, 0), {}, "running"),
        ((libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP), {}, "running"),
        (
            (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR),
            {"vda": libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE},
            "disk full",
        ),
        (
            (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR),
            {"vda": libvirt.VIR_DOMAIN_DISK_ERROR_UNSPEC},
            "disk error",
        ),
        ((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED), {}, "crashed"),
    ],
)
def test_other_conditions(state: tuple[int, int], errors: dict[str, int], condition: str, tmp_path: Path) -> None:
    handle = Handle(state)
    handle.errors = errors
    assert watch(handle, tmp_path).condition == condition
