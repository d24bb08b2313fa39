"""Follows an install until the machine powers off or the install fails."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from builder.consoles.console import POLL_INTERVAL, SETTLE_TIME, ConsoleLog
from builder.consoles.troubles import FoundTrouble, TroubleFinder
from builder.errors import BuildError, GoldenError, HostError
from builder.events import Emit, Notice, OutputLine
from builder.hypervisor.watched import Condition
from builder.installer.order import InstallLimits
from builder.installer.stages import InstallStages
from builder.installer.troubles import LINES, TROUBLES, stopped

PACKET_BYTES = 16
"""Bytes to record of each packet: only their number matters."""

IDLE_TRAFFIC = 64 * (PACKET_BYTES + 16)
"""Bytes by which the packet file may grow without counting as activity: 64 packets with their headers.

An idle network sends packets, too: QEMU sends router advertisements about ten times an hour, leases are
renewed, and dead connections are retried.
"""


class InstallerMachine(Protocol):
    """The machine that the installer runs in; see `hypervisor.watched`."""

    @property
    def condition(self) -> Condition: ...

    def traffic(self, device: str) -> tuple[int, int] | None: ...


class InstallWatch:
    """Follows one running install."""

    def __init__(self, machine: InstallerMachine, folder: Path, limits: InstallLimits, emit: Emit) -> None:
        """`folder` holds the files `console` and `traffic` (the packets)."""
        self._machine = machine
        self._packet_file = folder / "traffic"
        self._limits = limits
        self._emit = emit
        self._console = ConsoleLog(folder / "console")
        self._stages = InstallStages()
        self._troubles = TroubleFinder(TROUBLES, LINES)
        self._written = False
        self._pending = ""

    def wait(self) -> None:
        """Return once the machine has powered off with an installed disk.

        Raises BuildError if the installer fails, HostError if this host is the cause.
        """
        started = last_activity = time.monotonic()
        last_counters, last_packet_bytes = (0, 0, 0), 0
        while True:
            condition = self._machine.condition
            if trouble := self._read_console():
                self._settle()
                raise self._with_tail(stopped(trouble))
            if condition != "running":
                self._check_end(condition)
                return
            now = time.monotonic()
            read, written = self._machine.traffic("vda") or last_counters[1:]
            self._written = self._written or written > 0
            counters, packet_bytes = (self._console.size, read, written), self._packet_bytes()
            if counters != last_counters or packet_bytes > last_packet_bytes + IDLE_TRAFFIC:
                last_counters, last_packet_bytes, last_activity = counters, packet_bytes, now
            if now > last_activity + self._limits.stall:
                raise self._stall_error()
            if now > started + self._limits.whole:
                raise self._timeout_error()
            time.sleep(POLL_INTERVAL)

    def _read_console(self) -> FoundTrouble | None:
        """Emit the console's new lines; return the first trouble in them."""
        trouble = None
        for line in self._console.read():
            self._emit(OutputLine(line))
            if stage := self._stages.find(line):
                self._emit(Notice(stage))
            trouble = trouble or self._troubles.find(line)
        # A line that still grows is not a question yet.
        previous, self._pending = self._pending, self._console.pending
        return trouble or (self._troubles.find_pending(self._pending) if self._pending == previous else None)

    def _settle(self) -> None:
        deadline = time.monotonic() + SETTLE_TIME
        while time.monotonic() < deadline and self._machine.condition == "running":
            time.sleep(POLL_INTERVAL)
            self._read_console()
        self._read_console()

    def _packet_bytes(self) -> int:
        try:
            return self._packet_file.stat().st_size
        except FileNotFoundError:
            return 0

    def _check_end(self, condition: Condition) -> None:
        match condition:
            case "powered off" if self._written:
                return
            case "powered off":
                error: GoldenError = BuildError(
                    "the installer powered off without writing to the disk",
                    hint="check that the kickstart installs to /dev/vda; the lines above show what it did",
                )
            case "reset":
                error = BuildError(
                    "the installer rebooted instead of powering off",
                    hint="write `poweroff` into the kickstart, not `reboot`; if it is there, the kernel crashed",
                )
            case "disk full":
                error = HostError(
                    "no space left on this host for the disk of the installer",
                    hint="free space in the output folder: see `golden cache prune` and `golden prune`",
                )
            case "disk error":
                error = HostError(
                    "this host could not write the disk of the installer",
                    hint="run `dmesg` on this host to see the disk error",
                )
            case "crashed":
                error = HostError("QEMU crashed during the install", hint="check that this host has enough free memory")
            case _:
                error = HostError("another program stopped the installer's virtual machine", hint="build again")
        raise self._with_tail(error)

    def _stall_error(self) -> GoldenError:
        error = BuildError(
            f"the installer stalled: no output, disk access or network traffic for {self._limits.stall:g} s",
            hint="check whether it waits for an answer that the kickstart lacks, or set a longer --stall-timeout",
        )
        return self._with_tail(error)

    def _timeout_error(self) -> GoldenError:
        error = BuildError(
            f"the install did not finish within {self._limits.whole:g} s",
            hint="read the lines above to see how far it came; if it needs more time, set a longer --install-timeout",
        )
        return self._with_tail(error)

    def _with_tail(self, error: GoldenError) -> GoldenError:
        """The error with the console's last lines as its details."""
        error.details = self._console.tail
        return error
