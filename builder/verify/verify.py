"""Verifies a version: boots two clones side by side and checks their answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder.appliance import accelerator, handle
from builder.appliance.appliance import Appliance, Disk
from builder.appliance.interrupt import on_stop_signal
from builder.appliance.start import start
from builder.disks import create_overlay
from builder.errors import CommandError, HostError, RequestError, VerifyError
from builder.events import ActionFinished, ActionStarted, Emit, Notice
from builder.guest.info import GuestInfo
from builder.guest.inspection import inspect
from builder.layers.work import work_folder
from builder.paths import Output
from builder.pipeline import Judge, SealedDisk
from builder.sizes import format_size, space_hint
from builder.store import Store, Verification, Version, verification
from builder.store.verification import CloneReport
from builder.verify.checks import CloneFacts, judge
from builder.verify.clones import CloneSet, make_clones
from builder.verify.hardware import find_firmware, hardware_of
from builder.verify.machine import CloneMachine, find_qemu
from builder.verify.watch import CloneBoot, follow

TIMEOUTS = {"kvm": 300.0, "tcg": 900.0}
"""Seconds to wait until both clones are up, by accelerator."""

SETTLE_SHARE = 0.8
"""Share of the timeout after which a clone answers although it is still booting: its answers name what hangs."""

MIN_SPACE = 64 << 20
"""Free bytes below which a machine may be stuck for lack of space: QEMU pauses it then."""


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """`timeout` is in seconds; None means the default for the host's accelerator."""

    timeout: float | None = None

    def for_kind(self, kind: str) -> float:
        return self.timeout or TIMEOUTS[kind]


def verify(version: Version, output: Output, emit: Emit, settings: VerifySettings | None = None) -> Verification:
    """Boot two throwaway clones of a version; the result replaces the one stored beside the version.

    No channel moves. Raises HostError if this host cannot do it, and then stores nothing; RequestError if the
    version was removed meanwhile.
    """
    settings = settings or VerifySettings()
    kind = accelerator.probe(find_qemu(hardware_of(version).arch)).kind
    with work_folder(output) as work:
        keep_from_pruning(version, output, work)
        with start(handle.ApplianceSettings(output.appliance), emit) as appliance, on_stop_signal(appliance.kill):
            disk = Disk(version.disk, version.disk_format, read_only=True)
            info = version.guest_info() or inspect_disk(appliance, disk)
            branch = SealedDisk(appliance, disk, info, version.manifest.verify, work)
            clones = make_clones(branch, settle_after(settings.for_kind(kind)), emit)
        return boot(clones, version, output, emit, settings)


def keep_from_pruning(version: Version, output: Output, work: Path) -> None:
    """Put an overlay on a version's disk into the work folder, where the clones' overlays will be.

    It takes the lock under which versions are removed: either prune sees the overlay, or we see that the
    version is gone. Raises RequestError or HostError.
    """
    try:
        with Store(output.templates).locked(version.template):
            if not version.folder.exists():
                raise RequestError(
                    f"another command has just removed {version}",
                    hint="run `golden list` to see the remaining versions",
                )
            create_overlay(work / "kept.qcow2", version.disk, version.disk_format, size=version.manifest.disk.size)
    except CommandError as error:
        raise HostError(f"cannot create an overlay on the disk of {version}", details=error.details) from error


def inspect_disk(appliance: Appliance, disk: Disk) -> GuestInfo:
    """Inspect a disk whose manifest lacks the guest's data. Raises BuildError."""
    device = appliance.plug(disk)
    info = inspect(appliance, device)
    appliance.unplug(device)
    return info


def settle_after(timeout: float) -> int:
    return int(SETTLE_SHARE * timeout)


def boot(clones: CloneSet, version: Version, output: Output, emit: Emit, settings: VerifySettings) -> Verification:
    """Boot clones of a version, check them, and store the result. Raises HostError."""
    title, started = f"verify {version}", time.monotonic()
    emit(ActionStarted(title))
    clones.rebase(version)
    hardware = hardware_of(version)
    usable = accelerator.probe(find_qemu(hardware.arch))
    if usable.kind == "tcg":
        emit(Notice(f"{usable.reason}; the clones run emulated, about ten times slower", warning=True))
    firmware = find_firmware(hardware.arch) if hardware.uefi else None
    timeout = settings.for_kind(usable.kind)
    with ExitStack() as running:
        machines = [
            running.enter_context(CloneMachine(folder, hardware, usable.kind, firmware)) for folder in clones.folders
        ]
        boots = [CloneBoot(machine, clones.questions) for machine in machines]
        follow(boots, timeout, emit)
        if not all(each.done for each in boots):
            require_space(clones.folders[0])
        facts = [CloneFacts(each.answers, each.login, each.trouble, each.hint, each.answered) for each in boots]
    found = Verification(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
        accelerator=usable.kind,
        checks=judge(facts, clones.expected, timeout),
        clones=tuple(_describe(each, boot) for each, boot in zip(facts, boots, strict=True)),
    )
    keep(version, output, found, [each.console.read_bytes() if each.console.exists() else b"" for each in machines])
    if found.passed:
        emit(ActionFinished(title, "ran", found.seconds))
    return found


def require_space(folder: Path) -> None:
    """Raise HostError if this host lacks space for the clones: the version is not to blame then."""
    free = shutil.disk_usage(folder).free
    if free < MIN_SPACE:
        raise HostError(
            f"no space left for the clones' disks in {folder.parent.parent}",
            details=f"{format_size(free)} free; golden needs {format_size(MIN_SPACE)} at least",
            hint=space_hint(folder.parent.parent),
        )


def _describe(clone: CloneFacts, boot: CloneBoot) -> CloneReport:
    facts = {each.kind: answer.text for each, answer in clone.answers.items() if not each.about}
    return CloneReport(seconds=boot.login and round(boot.login, 1), trouble=clone.trouble, facts=facts, tail=boot.tail)


def keep(version: Version, output: Output, found: Verification, consoles: Sequence[bytes]) -> None:
    """Replace the result stored beside a version. Raises HostError."""
    try:
        with Store(output.templates).locked(version.template):
            if not version.manifest_file.exists():
                raise HostError(
                    f"another command removed {version} during its verification", hint="build the template again"
                )
            verification.keep(version.verification_folder, found, consoles)
    except OSError as error:
        raise HostError(
            f"cannot store the verification of {version}",
            where=str(version.verification_folder),
            details=str(error),
            hint="check the free space and the permissions of this folder",
        ) from error


def error_of(version: Version, found: Verification) -> VerifyError:
    """The error for a version that did not pass: the failed checks, and if a boot failed, its console's end."""
    lines = [f"{check.name}: {check.message}" for check in found.failed]
    stuck = [*enumerate(found.clones, 1)]
    stuck = [each for each in stuck if each[1].trouble] or [each for each in stuck if each[1].seconds is None]
    for number, clone in stuck[:1]:
        lines += [f"the last lines of clone {number}'s console:", *(f"  {line}" for line in clone.tail.splitlines())]
    names = ", ".join(check.name for check in found.failed)
    return VerifyError(
        f"{version} failed its verification: {names}",
        details="\n".join(lines),
        hint=f"read the consoles of both clones in {version.verification_folder}",
    )


@dataclass(frozen=True, slots=True)
class BootGate:
    """Lets `latest` move only to a version that boots: `golden build RECIPE --verify`."""

    output: Output
    emit: Emit
    settings: VerifySettings = VerifySettings()

    def prepare(self, branch: SealedDisk) -> Judge:
        kind = accelerator.probe(find_qemu(branch.info.arch)).kind
        clones = make_clones(branch, settle_after(self.settings.for_kind(kind)), self.emit)

        def judge_admitted(version: Version) -> None:
            self._require(version, boot(clones, version, self.output, self.emit, self.settings))

        return judge_admitted

    def judge(self, version: Version) -> None:
        self._require(version, verify(version, self.output, self.emit, self.settings))

    def _require(self, version: Version, found: Verification) -> None:
        if not found.passed:
            raise error_of(version, found)
