"""Locks between processes. The kernel releases them when their holder ends, even if it is killed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from builder.errors import HostError


@contextmanager
def held(path: Path, *, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a file. If another process holds it, call `on_wait` once and wait. Raises HostError."""
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
        raise _refused(path, error) from error
    try:
        yield
    finally:
        lock.release()


def hold_to_the_end(path: Path, *, on_wait: Callable[[], None] | None = None) -> None:
    """Hold the lock of a file until this process is gone, its last clean-up included. Raises HostError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A plain descriptor: Python closes file objects before the process is gone.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise _refused(path, error) from error


def try_hold(path: Path) -> FileLock | None:
    """The lock, held until it is released; None if another process holds it. Raises OSError."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def is_held(path: Path) -> bool:
    """Whether another process holds the lock of that file; False if there is no such file. Raises OSError."""
    if not path.exists():
        return False
    lock = try_hold(path)
    if lock:
        lock.release()
    return lock is None


def _refused(path: Path, error: OSError) -> HostError:
    return HostError(
        f"cannot lock {path}",
        details=str(error),
        hint="check the owner and permissions of the file and of its folder",
    )
