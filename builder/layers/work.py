"""The scratch folders of builds, and what killed builds left behind."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from builder import locks
from builder.errors import HostError
from builder.layers.cache import LayerCache
from builder.paths import Output
from builder.sizes import space_hint

BEGUN = "begun"
"""The file in a scratch folder whose modification time is when its build began."""


def require_writable(output: Output) -> None:
    """Create the folders that a build writes to, and try to write there. Raises HostError."""
    try:
        for folder in (output.work, output.cache, output.templates):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise unwritable(output, error) from error


def unwritable(output: Output, error: OSError) -> HostError:
    if error.errno == errno.ENOSPC:
        hint = space_hint(output.root)
    else:
        hint = "check its owner and permissions; with another folder (--output), golden does not find these templates"
    return HostError(f"cannot write to the output folder: {output.root}", details=str(error), hint=hint)


def no_new_builds(output: Output) -> AbstractContextManager[None]:
    """While it is held, no build begins. Raises HostError."""
    return locks.held(output.work / ".lock")


@contextlib.contextmanager
def work_folder(output: Output) -> Iterator[Path]:
    """A new scratch folder, removed at the end. What killed builds left behind is removed first.

    Raises HostError if the output folder cannot be written.
    """
    parent = output.work
    try:
        parent.mkdir(parents=True, exist_ok=True)
        # One at a time: between its creation and its lock, a folder looks like a killed build's.
        with no_new_builds(output):
            for folder in parent.iterdir():
                if folder.is_dir():
                    reclaim(folder)
            mine = Path(tempfile.mkdtemp(dir=parent))
            lock = locks.try_hold(mine / "lock")
            (mine / BEGUN).touch()
            alive = {folder.name for folder in parent.iterdir()}
            for cache in (output.bases, output.layers):
                LayerCache(cache).sweep(alive)
    except OSError as error:
        raise unwritable(output, error) from error
    try:
        yield mine
    finally:
        for cache in (output.bases, output.layers):
            LayerCache(cache).abandon(mine.name)
        shutil.rmtree(mine, ignore_errors=True)
        if lock:
            lock.release()


def running(output: Output) -> list[Path]:
    """The scratch folders that are in use, by builds and others. Raises OSError."""
    return [folder for folder in sorted(output.work.glob("*/")) if locks.is_held(folder / "lock")]


def running_since(output: Output) -> float | None:
    """When the oldest running build began, in seconds since 1970; None if none is running, 0 if unknown.

    Call it with `no_new_builds` held. Raises OSError.
    """
    begun: list[float] = []
    for folder in running(output):
        try:
            at = (folder / BEGUN).stat().st_mtime
        except FileNotFoundError:
            at = 0.0
        begun.append(at if at <= time.time() else 0.0)  # else the clock jumped back
    return min(begun, default=None)


def reclaim(folder: Path) -> None:
    """Remove a scratch folder if its build was killed."""
    lock = locks.try_hold(folder / "lock")
    if lock:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
