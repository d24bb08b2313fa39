"""The files that a domain's disks are based on, read from its XML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree


@dataclass(frozen=True, slots=True)
class DiskSource:
    """A file, or a volume of a pool, that a domain names for a disk. A `raw` one has no backing file."""

    raw: bool
    file: str | None = None
    volume: tuple[str, str] | None = None


def sources(tree: ElementTree.Element) -> Iterator[DiskSource]:
    """All files and volumes that the definition of a domain or snapshot names for its disks."""
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
