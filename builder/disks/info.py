"""The output of `qemu-img info`. Every function that calls it raises CommandError with qemu-img's output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder import process


@dataclass(frozen=True, slots=True)
class DiskInfo:
    """The header of a disk file.

    `format` is any format that QEMU knows, `virtual_size` the bytes that a guest sees, `backing` the backing file,
    `other_files` all files that the header names (backing file, data file of a qcow2, extents of a VMDK), and
    `cluster_size` is in bytes, None for formats without clusters.
    """

    file: Path
    format: str
    virtual_size: int
    backing: Path | None
    other_files: tuple[str, ...]
    cluster_size: int | None


def read_info(disk: Path, *, format: str | None = None, share: bool = False) -> DiskInfo:
    """Read a disk's header. Its backing files are not opened.

    Pass `format` if the content of the disk must not decide it. With `share`, a running machine may use the disk.
    """
    return _parse(json.loads(_ask(disk, format, "--force-share" if share else None)))


def read_chain(disk: Path, *, format: str | None = None, share: bool = False) -> tuple[DiskInfo, ...]:
    """Read the headers of a disk and all its backing files, the disk first. The options are those of `read_info`."""
    answer = _ask(disk, format, "--force-share" if share else None, "--backing-chain")
    return tuple(map(_parse, json.loads(answer)))


def virtual_size(disk: Path) -> int:
    """The size in bytes that a guest sees. A running machine may use the disk."""
    return read_info(disk, share=True).virtual_size


def find_backing(disk: Path) -> Path | None:
    """A disk's backing file; None if it has none. A running machine may use the disk."""
    return read_info(disk, share=True).backing


def is_lock_error(text: str) -> bool:
    """Whether QEMU's message says that another process uses the disk (`Failed to get shared "write" lock`)."""
    return "Failed to get" in text and "lock" in text


def _ask(disk: Path, format: str | None, *options: str | None) -> str:
    arguments = [*(option for option in options if option), *(("-f", format) if format else ())]
    return process.run(["qemu-img", "info", "--output=json", *arguments, str(disk)])


def _parse(answer: dict[str, Any]) -> DiskInfo:
    data = answer.get("format-specific", {}).get("data", {})
    names = [answer.get("backing-filename"), data.get("data-file")]
    names += [extent.get("filename") for extent in data.get("extents", [])]
    backing = answer.get("full-backing-filename") or answer.get("backing-filename")
    return DiskInfo(
        file=Path(answer["filename"]),
        format=str(answer["format"]),
        virtual_size=int(answer["virtual-size"]),
        backing=Path(backing) if backing else None,
        other_files=tuple(name for name in names if name and name != answer["filename"]),
        cluster_size=answer.get("cluster-size"),
    )
