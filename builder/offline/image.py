"""The disk files that commands look into, also those that a running machine has open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from builder import disks
from builder.disks import DiskFormat
from builder.errors import CommandError, RequestError


@dataclass(frozen=True, slots=True)
class TargetDisk:
    """A disk file: its format, it and the files that it is an overlay on, and whether somebody is writing to it.

    `size` is the disk's virtual one, in bytes.
    """

    format: DiskFormat
    chain: tuple[Path, ...]
    in_use: bool
    size: int


def describe(disk: Path) -> TargetDisk:
    """Ask qemu-img about a file. Raises RequestError when it is no disk, or of a kind that golden does not read."""
    # A guest can write a qcow2 header to its raw disk that names any file of this host.
    format = "raw" if disks.format_of(disk) == "raw" else None
    in_use = False
    try:
        try:
            chain = disks.read_chain(disk, format=format)
        except CommandError as error:
            if not disks.is_lock_error(error.output):
                raise
            in_use = True
            chain = disks.read_chain(disk, format=format, share=True)
    except CommandError as error:
        raise RequestError(f"not a disk, or damaged: {disk}", details=error.output) from error
    first = chain[0]
    try:
        known = disks.parse_format(first.format)
    except ValueError as error:
        raise RequestError(
            f"{disk} is a disk in the format {first.format}",
            hint="convert it: qemu-img convert -O qcow2 DISK NEW.qcow2",
        ) from error
    if known == "raw" and not disks.looks_like_a_disk(disk):
        raise RequestError(f"not a disk: {disk}", details="no partition table or file system at its start")
    return TargetDisk(known, tuple(part.file.absolute() for part in chain), in_use, first.virtual_size)
