"""The results of an audit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact read from a disk, and whether it is as the recipe promised."""

    ok: bool
    message: str
