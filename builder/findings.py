"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact read from a disk: what was promised, and whether it is so."""

    ok: bool
    message: str
