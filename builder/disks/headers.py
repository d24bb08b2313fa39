"""Read the name of a backing file from a disk's header. Prune reads thousands; qemu-img needs 30 ms for each."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from builder.disks.info import find_backing
from builder.errors import CommandError

QCOW = b"QFI\xfb"
OTHERS = (b"QED\0", b"KDMV", b"COWD", b"# Disk Descri")
"""The magic numbers of other formats that can have a backing file. They are rare, so qemu-img reads them."""

LONGEST_NAME = 1023
"""The maximum length in bytes of a backing file's name in a qcow2, from QEMU's documentation of the format."""


def read_backing(path: str) -> str | None:
    """The backing file that the header of a disk on this host names; None if it has none.

    Raises OSError if the disk cannot be read, and ValueError if its header is damaged or names a backing that is not a
    local file.
    """
    kind = os.stat(path).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind)):
        return None
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        head = file.read(20)
        if head.startswith(OTHERS):
            return _ask_qemu(path)
        if not head.startswith(QCOW) or len(head) < 20:
            return None
        offset, size = int.from_bytes(head[8:16], "big"), int.from_bytes(head[16:20], "big")
        if not offset or not size:
            return None
        if size > LONGEST_NAME:
            raise ValueError("its header is damaged")
        file.seek(offset)
        name = os.fsdecode(file.read(size))
    if len(os.fsencode(name)) < size:
        raise ValueError("its header is damaged")
    return _plain(os.path.dirname(path), name)  # noqa: PTH120


def _plain(folder: str, name: str) -> str:
    name = name.removeprefix("file:")
    if ":" in name.partition("/")[0]:
        raise ValueError(f"its backing is not a local file: {name}")
    return os.path.join(folder, name)  # noqa: PTH118


def _ask_qemu(path: str) -> str | None:
    try:
        found = find_backing(Path(path))
    except CommandError as error:
        raise ValueError(error.details) from error
    return str(found) if found else None
