"""Following an install until its machine powers off, or something is wrong with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from builder.consoles.console import ConsoleLog
from builder.errors import BuildError, GoldenError, HostError
from builder.events import Emit, Notice, OutputLine
from builder.hypervisor.watched import Condition
from builder.installer.order import InstallLimits
from builder.installer.stages import InstallStages
from builder.installer.troubles import TroubleFinder

PERIOD = 0.2
"""Seconds between two looks."""

SETTLING = 1.0
"""Seconds in which an installer that is in trouble may say more of it."""

PACKET = 16
"""Bytes that are kept of each packet: all that is wanted of them is that they came."""

MURMUR = 64 * (PACKET + 16)
"""What the file of packets grows by through a network's own upkeep, which is no sign of life: 64 packets, with headers.

QEMU's network advertises itself some ten times an hour; leases are renewed, and dead connections tried again.
"""


class InstallerMachine(Protocol):
    """The machine that the installer runs in, as `hypervisor.watched` has it."""

    @property
    def condition(self) -> Condition: ...

    def traffic(self, device: str) -> tuple[int, int] | None: ...


class InstallWatch:
    """One install under way."""

    def __init__(self, machine: InstallerMachine, folder: Path, limits: InstallLimits, emit: Emit) -> None:
        """`folder` has the console's file, and the packets'."""
        self._machine = machine
        self._packets = folder / "traffic"
        self._limits = limits
        self._emit = emit
        self._console = ConsoleLog(folder / "console")
        self._stages = InstallStages()
        self._troubles = TroubleFinder()
        self._written = False
        self._begun = ""

    def to_the_end(self) -> None:
        """Return when the machine has powered off with an installed disk.

        Raises BuildError for what the installer does not get over, HostError for what it cannot help.
        """
        begun = living = time.monotonic()
        seen, heard = (0, 0, 0), 0
        while True:
            condition = self._machine.condition
            if trouble := self._listen():
                self._settle()
                raise self._with_tail(trouble)
            if condition != "running":
                self._check_end(condition)
                return
            now = time.monotonic()
            read, written = self._machine.traffic("vda") or seen[1:]
            self._written = self._written or written > 0
            signs, packets = (self._console.size, read, written), self._packets_seen()
            if signs != seen or packets > heard + MURMUR:
                seen, heard, living = signs, packets, now
            if now > living + self._limits.stall:
                raise self._stalled()
            if now > begun + self._limits.whole:
                raise self._overdue()
            time.sleep(PERIOD)

    def _listen(self) -> BuildError | None:
        """Pass on what the console shows, up to the first trouble."""
        trouble = None
        for line in self._console.read():
            self._emit(OutputLine(line))
            if stage := self._stages.find(line):
                self._emit(Notice(stage))
            trouble = trouble or self._troubles.find(line)
        # A line that goes on is no question yet.
        before, self._begun = self._begun, self._console.pending
        return trouble or (self._troubles.find_pending(self._begun) if self._begun == before else None)

    def _settle(self) -> None:
        deadline = time.monotonic() + SETTLING
        while time.monotonic() < deadline and self._machine.condition == "running":
            time.sleep(PERIOD)
            self._listen()
        self._listen()

    def _packets_seen(self) -> int:
        try:
            return self._packets.stat().st_size
        except FileNotFoundError:
            return 0

    def _check_end(self, condition: Condition) -> None:
        match condition:
            case "powered off" if self._written:
                return
            case "powered off":
                error: GoldenError = BuildError(
                    "the installer powered off without having written to the disk",
                    hint="the lines above say what it did; does the kickstart install onto /dev/vda?",
                )
            case "reset":
                error = BuildError(
                    "the installer restarted its machine, where it should power off",
                    hint="write `poweroff` into the kickstart, not `reboot`; else its kernel crashed",
                )
            case "disk full":
                error = HostError(
                    "no space left on this host for the installer's disk",
                    hint="make room in the output folder, or move it with --output or GOLDEN_OUTPUT",
                )
            case "disk error":
                error = HostError("this host could not write the installer's disk", hint="its kernel's log says why")
            case "crashed":
                error = HostError("QEMU crashed during the install", hint="is there memory enough on this host?")
            case _:
                error = HostError("the installer's machine was ended by another program")
        raise self._with_tail(error)

    def _stalled(self) -> GoldenError:
        error = BuildError(
            f"the installer stalled: no output, and nothing read, written or sent, for {self._limits.stall:g} s",
            hint="it may wait for an answer that the kickstart does not give; --stall-timeout gives it longer",
        )
        return self._with_tail(error)

    def _overdue(self) -> GoldenError:
        error = BuildError(
            f"the install was not over after {self._limits.whole:g} s",
            hint="--install-timeout gives it longer",
        )
        return self._with_tail(error)

    def _with_tail(self, error: GoldenError) -> GoldenError:
        """The error, with the console's last lines."""
        error.details = self._console.tail
        return error
