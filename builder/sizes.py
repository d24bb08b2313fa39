"""Sizes in the form that people write, and the hint of an error about a full disk."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SECTOR = 512


def parse_size(value: Any) -> int:
    """Bytes from a number, or from text such as "32G" (K, M, G, T are powers of 1024). Raises ValueError."""
    if isinstance(value, str) and (parts := re.fullmatch(r"([0-9]{1,15})([KMGT]?)", value, re.ASCII)):
        value = int(parts[1]) * UNITS.get(parts[2], 1)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a size such as 32G or 512M")
    if value % SECTOR:
        raise ValueError(f"must be a multiple of {SECTOR} bytes; add a unit, as in 32G")
    return value


def format_size(count: int) -> str:
    """A number of bytes with a unit, in powers of 1024."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit in ("B", "KiB") else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def space_hint(folder: Path) -> str:
    """The hint of an error that a full disk caused: how much is free in the folder, and how to free more."""
    try:
        room = f", which has {format_size(shutil.disk_usage(folder).free)} left"
    except OSError:
        room = ""
    return f"free space in {folder}{room}: `golden prune` and `golden cache prune --days 30` list what can be removed"


def write_hint(folder: Path) -> str:
    """The hint of an error about writing to a folder, whose cause may be a full disk."""
    return f"check the permissions of {folder}, or {space_hint(folder)}"
