"""Verifying a version: two clones are booted side by side, and judged by what they say."""

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
from builder.sizes import format_size
from builder.store import Store, Verification, Version, verification
from builder.store.verification import CloneReport
from builder.verify.checks import CloneFacts, judge
from builder.verify.clones import CloneSet, make_clones
from builder.verify.hardware import find_firmware, hardware_of
from builder.verify.machine import CloneMachine, find_qemu
from builder.verify.watch import CloneBoot, follow

TIMEOUTS = {"kvm": 300.0, "tcg": 900.0}
"""Seconds that both boots may take together, by the accelerator."""

SETTLED = 0.8
"""The part of them after which a clone is asked though its boot is not over: what hangs is then told."""

LEAST = 64 << 20
"""Free bytes below which a machine that does not get on may be waiting for space: QEMU halts it then."""


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """`timeout` is in seconds, None for what fits the host's accelerator."""

    timeout: float | None = None

    def for_kind(self, kind: str) -> float:
        return self.timeout or TIMEOUTS[kind]


def verify(version: Version, output: Output, emit: Emit, settings: VerifySettings | None = None) -> Verification:
    """Boot two throwaway clones of a version; what they said is kept beside it, in the place of what was before.

    No channel moves. Raises HostError where this host cannot do it, and nothing is kept then, RequestError where
    the version was removed meanwhile.
    """
    settings = settings or VerifySettings()
    kind = accelerator.probe(find_qemu(hardware_of(version).arch)).kind
    with work_folder(output) as work:
        keep_from_pruning(version, output, work)
        with start(handle.ApplianceSettings(output.appliance), emit) as appliance, on_stop_signal(appliance.kill):
            disk = Disk(version.disk, version.disk_format, read_only=True)
            info = version.guest_info() or look_inside(appliance, disk)
            branch = SealedDisk(appliance, disk, info, version.manifest.verify, work)
            clones = make_clones(branch, settle_after(settings.for_kind(kind)), emit)
        return boot(clones, version, output, emit, settings)


def keep_from_pruning(version: Version, output: Output, work: Path) -> None:
    """Put an overlay on a version's disk into the work folder, where the clones' are later.

    With the lock under which versions are removed: either who prunes sees the overlay, or we see the version
    gone. Raises RequestError or HostError.
    """
    try:
        with Store(output.templates).locked(version.template):
            if not version.folder.exists():
                raise RequestError(f"{version} was removed just now", hint="`golden list` has the others")
            create_overlay(work / "kept.qcow2", version.disk, version.disk_format, size=version.manifest.disk.size)
    except CommandError as error:
        raise HostError("nothing can be put on the version", details=error.details) from error


def look_inside(appliance: Appliance, disk: Disk) -> GuestInfo:
    """Inspect a disk whose manifest does not say enough. Raises BuildError."""
    device = appliance.plug(disk)
    info = inspect(appliance, device)
    appliance.unplug(device)
    return info


def settle_after(timeout: float) -> int:
    return int(SETTLED * timeout)


def boot(clones: CloneSet, version: Version, output: Output, emit: Emit, settings: VerifySettings) -> Verification:
    """Boot clones of a version, judge them, and keep what was found. Raises HostError."""
    title, begun = f"verify {version}", time.monotonic()
    emit(ActionStarted(title))
    clones.stand_on(version)
    hardware = hardware_of(version)
    usable = accelerator.probe(find_qemu(hardware.arch))
    if usable.kind == "tcg":
        emit(Notice(f"{usable.reason}; the clones are emulated, about ten times slower", warning=True))
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
        told = [CloneFacts(each.answers, each.login, each.trouble, each.hint, each.answered) for each in boots]
    found = Verification(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - begun, 3),
        accelerator=usable.kind,
        checks=judge(told, clones.expected, timeout),
        clones=tuple(_describe(each, boot) for each, boot in zip(told, boots, strict=True)),
    )
    keep(version, output, found, [each.console.read_bytes() if each.console.exists() else b"" for each in machines])
    if found.passed:
        emit(ActionFinished(title, "ran", found.seconds))
    return found


def require_space(folder: Path) -> None:
    """That no clone waits for space on this host, which is not the version's fault. Raises HostError."""
    free = shutil.disk_usage(folder).free
    if free < LEAST:
        raise HostError(
            "no space left on this host for the clones' disks",
            details=f"{format_size(free)} are free below {folder.parent.parent}",
            hint="make room in the output folder, or move it with --output or GOLDEN_OUTPUT",
        )


def _describe(told: CloneFacts, boot: CloneBoot) -> CloneReport:
    facts = {each.kind: answer.text for each, answer in told.answers.items() if not each.about}
    return CloneReport(seconds=boot.login and round(boot.login, 1), trouble=told.trouble, facts=facts, tail=boot.tail)


def keep(version: Version, output: Output, found: Verification, consoles: Sequence[bytes]) -> None:
    """Replace what is kept beside a version. Raises HostError."""
    try:
        with Store(output.templates).locked(version.template):
            if not version.manifest_file.exists():
                raise HostError(f"{version} was removed while it was verified")
            verification.keep(version.verification_folder, found, consoles)
    except OSError as error:
        raise HostError(f"the verification of {version} could not be kept", details=str(error)) from error


def error_of(version: Version, found: Verification) -> VerifyError:
    """That a version did not pass: what failed, and the last lines of its consoles where a boot did."""
    lines = [f"{check.name}: {check.message}" for check in found.failed]
    stuck = [*enumerate(found.clones, 1)]
    stuck = [each for each in stuck if each[1].trouble] or [each for each in stuck if each[1].seconds is None]
    for number, clone in stuck[:1]:
        lines += [f"the last lines of clone {number}'s console:", *(f"  {line}" for line in clone.tail.splitlines())]
    names = ", ".join(check.name for check in found.failed)
    return VerifyError(
        f"{version} failed its verification: {names}",
        details="\n".join(lines),
        hint=f"the consoles are in {version.verification_folder}",
    )


@dataclass(frozen=True, slots=True)
class BootGate:
    """Lets `latest` move to what boots: the gate of `golden build RECIPE --verify`."""

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
