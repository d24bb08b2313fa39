"""What qemu-img tells of a disk file, also of one that a running machine has open."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from builder import process
from builder.appliance.appliance import Format
from builder.bases.image import looks_like_a_disk
from builder.errors import CommandError, RequestError

FORMATS: dict[str, Format] = {"qcow2": "qcow2", "raw": "raw"}


@dataclass(frozen=True, slots=True)
class DiskInfo:
    """A disk file: its format, it and the files that it stands on, and whether somebody is writing to it.

    `size` is the disk's virtual one, in bytes.
    """

    format: Format
    chain: tuple[Path, ...]
    in_use: bool
    size: int


def describe(disk: Path) -> DiskInfo:
    """Ask qemu-img about a file. Raises RequestError when it is no disk, or of a kind that golden does not read."""
    # A guest can write a qcow2 header to its raw disk that names any file of this host.
    probe = ["-f", "raw"] if disk.suffix == ".raw" else []
    ask = ["qemu-img", "info", "--backing-chain", "--output=json", *probe]
    in_use = False
    try:
        try:
            said = process.run([*ask, str(disk)])
        except CommandError as error:
            if not is_lock(error.output):
                raise
            in_use = True
            said = process.run([*ask, "--force-share", str(disk)])
    except CommandError as error:
        raise RequestError(f"not a disk, or damaged: {disk}", details=error.output) from error
    about = json.loads(said)
    format = FORMATS.get(about[0]["format"])
    if format is None:
        raise RequestError(
            f"{disk} is a disk in the format {about[0]['format']}",
            hint="convert it: qemu-img convert -O qcow2 DISK NEW.qcow2",
        )
    if format == "raw" and not looks_like_a_disk(disk):
        raise RequestError(f"not a disk: {disk}", details="no partition table or file system at its start")
    return DiskInfo(
        format, tuple(Path(part["filename"]).absolute() for part in about), in_use, about[0]["virtual-size"]
    )


def is_lock(said: str) -> bool:
    """Whether QEMU's words mean that another process has the disk open (`Failed to get shared "write" lock`)."""
    return "Failed to get" in said and "lock" in said
