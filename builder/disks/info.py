"""What `qemu-img info` says of a disk. Every function raises CommandError with qemu-img's own words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder import process


@dataclass(frozen=True, slots=True)
class DiskInfo:
    """A disk file, by its header.

    `format` is any that QEMU knows, `virtual_size` the bytes that a guest sees, `backing` the file that it is an
    overlay on, `other_files` all files that it refers to (backing, data file of a qcow2, extents of a VMDK), and
    `cluster_size` in bytes, None for formats without clusters.
    """

    file: Path
    format: str
    virtual_size: int
    backing: Path | None
    other_files: tuple[str, ...]
    cluster_size: int | None


def read_info(disk: Path, *, format: str | None = None, share: bool = False) -> DiskInfo:
    """What a disk's header says; its backings are not opened.

    `format` says which format it has, where its content must not be believed. With `share` it may be open in a
    running machine.
    """
    return _parse(json.loads(_ask(disk, format, "--force-share" if share else None)))


def read_chain(disk: Path, *, format: str | None = None, share: bool = False) -> tuple[DiskInfo, ...]:
    """A disk and all its backings, the disk first; options as for `read_info`."""
    answer = _ask(disk, format, "--force-share" if share else None, "--backing-chain")
    return tuple(map(_parse, json.loads(answer)))


def virtual_size(disk: Path) -> int:
    """The bytes of the disk that a guest sees; the disk may be open in a running machine."""
    return read_info(disk, share=True).virtual_size


def find_backing(disk: Path) -> Path | None:
    """The file that a disk is an overlay on; None for one that stands alone. It may be open in a running machine."""
    return read_info(disk, share=True).backing


def is_lock_error(text: str) -> bool:
    """Whether QEMU's words mean that another process has the disk open (`Failed to get shared "write" lock`)."""
    return "Failed to get" in text and "lock" in text


def _ask(disk: Path, format: str | None, *options: str | None) -> str:
    chosen = [*(option for option in options if option), *(("-f", format) if format else ())]
    return process.run(["qemu-img", "info", "--output=json", *chosen, str(disk)])


def _parse(answer: dict[str, Any]) -> DiskInfo:
    data = answer.get("format-specific", {}).get("data", {})
    named = [answer.get("backing-filename"), data.get("data-file")]
    named += [extent.get("filename") for extent in data.get("extents", [])]
    backing = answer.get("full-backing-filename") or answer.get("backing-filename")
    return DiskInfo(
        file=Path(answer["filename"]),
        format=str(answer["format"]),
        virtual_size=int(answer["virtual-size"]),
        backing=Path(backing) if backing else None,
        other_files=tuple(name for name in named if name and name != answer["filename"]),
        cluster_size=answer.get("cluster-size"),
    )
