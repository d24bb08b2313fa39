"""A file on its way from wherever it is: in pieces, from any byte on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.events import Emit, OutputLine

STEP = 1 << 24
"""Bytes after which a long transfer says how far it is."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a file from `offset` on; `total` is the size of the whole file, None where nobody knows."""

    chunks: Iterator[bytes]
    offset: int = 0
    total: int | None = None

    def told(self, emit: Emit) -> Iterator[bytes]:
        """The chunks, while `emit` hears how far it is."""
        done = told = self.offset
        for chunk in self.chunks:
            yield chunk
            done += len(chunk)
            if done - told >= STEP:
                told = done
                emit(OutputLine(f"{done >> 20} of {self.total >> 20} MiB" if self.total else f"{done >> 20} MiB"))

    def save(self, file: Path, emit: Emit) -> None:
        """Put the bytes into `file` behind the `offset` bytes that it has, durably. Raises OSError."""
        with file.open("ab" if self.offset else "wb") as written:
            for chunk in self.told(emit):
                written.write(chunk)
            written.flush()
            os.fsync(written.fileno())

    def sha256(self, emit: Emit) -> str:
        """The digest of a whole file, 64 hex digits."""
        hasher = hashlib.sha256()
        for chunk in self.told(emit):
            hasher.update(chunk)
        return hasher.hexdigest()


def cut(chunks: Iterator[bytes], limit: int) -> bytes:
    """The first `limit` bytes."""
    kept = b""
    for chunk in chunks:
        kept += chunk
        if len(kept) >= limit:
            break
    return kept[:limit]
