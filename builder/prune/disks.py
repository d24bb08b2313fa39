"""On which files disks stand: by what domains say, and by disks' own headers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from builder.errors import CommandError
from builder.hypervisor.pools import find_backing

QCOW = b"QFI\xfb"
OTHERS = (b"QED\0", b"KDMV", b"COWD", b"# Disk Descri")
"""How other formats begin whose disks may stand on another; of all of them only qemu-img knows more."""


@dataclass(frozen=True, slots=True)
class DiskSource:
    """A file that a domain names for a disk, or one of a volume of a pool. A `raw` one stands on nothing."""

    raw: bool
    file: str | None = None
    volume: tuple[str, str] | None = None


def sources(tree: ElementTree.Element) -> Iterator[DiskSource]:
    """All files that are in the definition of a domain, or of a snapshot, for its disks."""
    for disk in tree.iter("disk"):
        removable = disk.get("device") in ("cdrom", "floppy")
        for element in (disk, *disk.iter("backingStore"), *disk.iter("mirror")):
            source = element.find("source")
            if source is None:
                continue
            format = element.find("driver" if element is disk else "format")
            raw = removable or (format is not None and format.get("type") == "raw")
            pool, volume = source.get("pool"), source.get("volume")
            if file := source.get("file") or source.get("dev"):
                yield DiskSource(raw, file=file)
            elif pool and volume:
                yield DiskSource(raw, volume=(pool, volume))


def backing_of(path: str) -> str | None:
    """The file that one of this host stands on, by its header; None for one that stands by itself.

    Raises OSError where it cannot be read, and ValueError where it stands on something that is no
    file by a plain name. qemu-img, which is asked about formats that are rare, takes 30 ms.
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
        if size > 1023:  # qemu's own limit
            raise ValueError("its header is damaged")
        file.seek(offset)
        name = os.fsdecode(file.read(size))
    if len(os.fsencode(name)) < size:
        raise ValueError("its header is damaged")
    return _plain(os.path.dirname(path), name)  # noqa: PTH120


def _plain(folder: str, name: str) -> str:
    name = name.removeprefix("file:")
    if ":" in name.partition("/")[0]:
        raise ValueError(f"it stands on {name}")
    return os.path.join(folder, name)  # noqa: PTH118


def _ask_qemu(path: str) -> str | None:
    try:
        found = find_backing(Path(path))
    except CommandError as error:
        raise ValueError(error.details) from error
    return str(found) if found else None
