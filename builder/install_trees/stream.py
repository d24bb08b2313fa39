"""A file being read or transferred in chunks, from any byte on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.events import Emit, OutputLine

PROGRESS_STEP = 1 << 24
"""Bytes between two progress messages of a long transfer."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a file from `offset` on; `total` is the size of the whole file, None if unknown."""

    chunks: Iterator[bytes]
    offset: int = 0
    total: int | None = None

    def with_progress(self, emit: Emit) -> Iterator[bytes]:
        """The chunks; progress is emitted along the way."""
        done = reported = self.offset
        for chunk in self.chunks:
            yield chunk
            done += len(chunk)
            if done - reported >= PROGRESS_STEP:
                reported = done
                emit(OutputLine(f"{done >> 20} of {self.total >> 20} MiB" if self.total else f"{done >> 20} MiB"))

    def save(self, file: Path, emit: Emit) -> None:
        """Append the bytes to the `offset` bytes that `file` has, and sync it to disk. Raises OSError."""
        with file.open("ab" if self.offset else "wb") as target:
            for chunk in self.with_progress(emit):
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())

    def sha256(self, emit: Emit) -> str:
        """The file's SHA-256, 64 hex digits; the stream must begin at offset 0."""
        hasher = hashlib.sha256()
        for chunk in self.with_progress(emit):
            hasher.update(chunk)
        return hasher.hexdigest()


def read_up_to(chunks: Iterator[bytes], limit: int) -> bytes:
    """The first `limit` bytes."""
    kept = b""
    for chunk in chunks:
        kept += chunk
        if len(kept) >= limit:
            break
    return kept[:limit]
