"""Locks between processes; the kernel lets go of them when their holder ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from builder.errors import HostError


@contextmanager
def held(path: Path, *, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of that file; where another holds it, call `on_wait` once and wait. Raises HostError."""
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait:
                on_wait()
            lock.acquire()
    except OSError as error:
        raise HostError(
            f"cannot lock {path}",
            details=str(error),
            hint="can its folder be written? choose another with --output or GOLDEN_OUTPUT",
        ) from error
    try:
        yield
    finally:
        lock.release()


def try_hold(path: Path) -> FileLock | None:
    """The lock, held until it is released; None where another process holds it. Raises OSError."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock
