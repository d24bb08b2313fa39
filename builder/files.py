"""Writing files so that a crash leaves the old content or the new, never a part."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def sync(path: Path) -> None:
    """Make a file or folder durable (fsync). Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(source: Path, target: Path) -> None:
    """Make `source` durable, rename it to `target` atomically, and make the name durable. Raises OSError."""
    sync(source)
    os.rename(source, target)
    sync(target.parent)


def write(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Write a whole file atomically: a reader sees the old content or the new one. Raises OSError."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        move(staged, path)
    finally:
        staged.unlink(missing_ok=True)


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    """Write a value as indented JSON, atomically."""
    write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", mode)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if the file is missing or has no object."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
