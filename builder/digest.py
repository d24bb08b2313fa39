"""Digests: of canonical JSON for keys, of files for contents, keyed for secrets."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHUNK = 4 << 20
"""Bytes read at once while hashing a file."""


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces. Nested values keep their bounds: ["ab"] and ["a","b"] differ.

    Raises TypeError for what JSON has no word for, and ValueError for NaN and infinities.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def of_value(value: Any) -> str:
    """SHA-256 over canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def of_file(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file's bytes, 64 hex digits; `progress` hears how many bytes were read so far.

    Raises OSError.
    """
    hasher = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
            done += len(chunk)
            if progress:
                progress(done)
    return hasher.hexdigest()


def keyed(key: bytes, secret: bytes) -> str:
    """A digest of a secret that tells nothing to whoever has no `key`: HMAC-SHA-256, 64 hex digits."""
    return hmac.new(key, secret, hashlib.sha256).hexdigest()
