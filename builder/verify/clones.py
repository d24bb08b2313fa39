"""Creates the clones' disks: overlays with the questions on them; the disk itself stays unchanged."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.appliance.appliance import Disk
from builder.disks import create_overlay, set_backing, virtual_size
from builder.errors import CommandError, HostError
from builder.events import Emit
from builder.guest import selinux, systemd
from builder.guest.guest import Guest
from builder.pipeline import SealedDisk
from builder.sizes import write_hint
from builder.store import Version
from builder.verify.checks import ExpectedClone
from builder.verify.questions import Question, questions_for, runner

COUNT = 2
ADDED_SPACE = 2 << 30
"""Bytes by which a clone's disk is larger than the template's if a file system has to grow."""

HOME = "/usr/lib/golden-verify"
UNIT = "golden-verify.service"

# Started through sh because of SELinux; see `guest.firstboot`.
UNIT_TEXT = f"""\
[Unit]
Description=Answer the questions of golden verify
After=multi-user.target

[Service]
ExecStart=/bin/sh {HOME}/ask

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class CloneSet:
    """One folder with a disk per clone, the questions to their guests, and the expected answers."""

    folders: tuple[Path, ...]
    questions: tuple[Question, ...]
    expected: ExpectedClone

    def rebase(self, version: Version) -> None:
        """Make the version's disk, which has the same content, the disks' backing file. Raises HostError."""
        disk, format = version.disk, version.manifest.disk.format
        try:
            for folder in self.folders:
                set_backing(folder / "disk.qcow2", disk, format)
        except CommandError as error:
            raise HostError(f"cannot create the clones' disks on {version}", details=error.details) from error


def make_clones(branch: SealedDisk, settle: int, emit: Emit) -> CloneSet:
    """Create two identical overlays on a disk: what differs between the clones later, their guests created.

    The guests answer the questions that `branch.verify` requires once they have booted, or after `settle`
    seconds of uptime. Raises GoldenError.
    """
    questions = questions_for(branch.verify)
    folders = tuple(branch.work / f"clone-{number}" for number in range(1, COUNT + 1))
    first, *others = folders
    added = ADDED_SPACE if branch.verify.grown else 0
    try:
        for folder in folders:
            folder.mkdir()
        size, disk = virtual_size(branch.disk.file) + added, branch.disk
        create_overlay(first / "disk.qcow2", disk.file, disk.format, size=size)
        before = _write(branch, first / "disk.qcow2", questions, settle, emit)
        for folder in others:
            shutil.copyfile(first / "disk.qcow2", folder / "disk.qcow2")
    except (OSError, CommandError) as error:
        details = error.details if isinstance(error, CommandError) else str(error)
        raise HostError(
            f"cannot create the clones' disks in {branch.work}",
            details=details,
            hint=write_hint(branch.work),
        ) from error
    return CloneSet(folders, questions, ExpectedClone(branch.verify, before, added))


def _write(
    branch: SealedDisk, overlay: Path, questions: tuple[Question, ...], settle: int, emit: Emit
) -> dict[str, int]:
    """Write the questions to a disk; return the size in bytes of each file system that has to grow."""
    device = branch.appliance.plug(Disk(overlay))
    guest = Guest(branch.appliance, device, branch.info, emit)
    guest.mount()
    before = {point: _size(guest, point) for point in branch.verify.grown}
    put_questions(guest, questions, settle)
    guest.unmount()
    branch.appliance.unplug(device)
    branch.appliance.check_disks()
    return before


def put_questions(guest: Guest, questions: Sequence[Question], settle: int) -> None:
    """Make a guest answer these questions at the end of its next boot."""
    files = {str(number): question.script for number, question in enumerate(questions)}
    for name, text in {**files, "ask": runner(len(questions), HOME, settle)}.items():
        guest.write(f"{HOME}/{name}", text)
    systemd.install_unit(guest, UNIT, UNIT_TEXT)
    _label(guest)


def _size(guest: Guest, point: str) -> int:
    stat = guest.call("statvfs", point)
    return int(stat["blocks"]) * int(stat["frsize"])


def _label(guest: Guest) -> None:
    """Give the written files the SELinux labels of their parent folders if the guest uses SELinux."""
    if selinux.find_mode(guest) in (None, "disabled"):
        return
    wants = f"{systemd.OWN}/multi-user.target.wants"
    for path in (HOME, *(f"{HOME}/{name}" for name in guest.ls(HOME)), f"{systemd.OWN}/{UNIT}", f"{wants}/{UNIT}"):
        parent = guest.call("lgetxattrs", path.rpartition("/")[0])
        label = next((each["attrval"] for each in parent if each["attrname"] == selinux.LABEL), None)
        if label is not None:
            text = (label.decode() if isinstance(label, bytes) else str(label)).rstrip("\0")
            guest.call("lsetxattr", selinux.LABEL, text, len(text), path)
