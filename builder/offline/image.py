"""Describes disk files that commands open, including those that a running machine has open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from builder import disks
from builder.disks import DiskFormat
from builder.errors import CommandError, RequestError


@dataclass(frozen=True, slots=True)
class TargetDisk:
    """A disk file. `chain` is the file and its backing files; `size` is the virtual size in bytes.

    `in_use` means that another process has the file open for writing.
    """

    format: DiskFormat
    chain: tuple[Path, ...]
    in_use: bool
    size: int


def describe(disk: Path) -> TargetDisk:
    """Describe a disk file with qemu-img. Raises RequestError if it is not a disk, or in an unsupported format."""
    # Never probe a raw disk: its guest can write a qcow2 header that names any file of this host as backing file.
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
        raise RequestError(f"not a disk image, or damaged: {disk}", details=error.output) from error
    first = chain[0]
    try:
        known = disks.parse_format(first.format)
    except ValueError as error:
        raise RequestError(
            f"unsupported disk format {first.format}: {disk}",
            hint=f"run `qemu-img convert -O qcow2 {disk} NEW.qcow2` and use the new file",
        ) from error
    if known == "raw" and not disks.looks_like_a_disk(disk):
        raise RequestError(
            f"not a disk image: {disk}", details="it starts with neither a partition table nor a file system"
        )
    return TargetDisk(known, tuple(part.file.absolute() for part in chain), in_use, first.virtual_size)
