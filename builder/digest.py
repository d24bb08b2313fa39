"""Digests: of canonical JSON for keys, of files for their contents, and keyed ones for secrets."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHUNK = 4 << 20
"""Bytes to read at a time while hashing a file."""


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and without spaces. It keeps the boundaries of values: ["ab"] and ["a","b"] differ.

    Raises TypeError for values that JSON cannot represent, and ValueError for NaN and infinities.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def of_value(value: Any) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def of_file(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits; `progress` gets the number of bytes read so far.

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
    """HMAC-SHA-256 of a secret, as 64 hexadecimal digits; it reveals nothing without the `key`."""
    return hmac.new(key, secret, hashlib.sha256).hexdigest()
