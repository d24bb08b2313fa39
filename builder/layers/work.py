"""Scratch folders of running builds, and what dead builds left."""

from __future__ import annotations

import contextlib
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

BEGUN = "begun"
"""The file of a work folder whose time is that of its build's beginning."""


def require_writable(output: Output) -> None:
    """Make the output folder's parts that a build writes to. Raises HostError."""
    try:
        for folder in (output.work, output.cache, output.templates):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise unwritable(output, error) from error


def unwritable(output: Output, error: OSError) -> HostError:
    return HostError(
        f"the output folder cannot be written: {output.root}",
        details=str(error),
        hint="choose another with --output or GOLDEN_OUTPUT",
    )


def no_new_builds(output: Output) -> AbstractContextManager[None]:
    """While it is held, no build begins. Raises HostError."""
    return locks.held(output.work / ".lock")


@contextlib.contextmanager
def work_folder(output: Output) -> Iterator[Path]:
    """A scratch folder of our own, removed at the end; what killed builds left is reclaimed first.

    Raises HostError where the output folder cannot be written.
    """
    parent = output.work
    try:
        parent.mkdir(parents=True, exist_ok=True)
        # One at a time: between making a folder and locking it, it would look dead.
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
    """The work folders of builds, and of whatever else works so, that have not ended. Raises OSError."""
    return [folder for folder in sorted(output.work.glob("*/")) if locks.is_held(folder / "lock")]


def running_since(output: Output) -> float | None:
    """When the oldest of the builds that run began, in seconds since 1970; None where none runs. Raises OSError.

    Call it with `no_new_builds` held. It is 0 where that cannot be told.
    """
    begun: list[float] = []
    for folder in running(output):
        try:
            at = (folder / BEGUN).stat().st_mtime
        except FileNotFoundError:
            at = 0.0
        begun.append(at if at <= time.time() else 0.0)  # or the clock jumped back
    return min(begun, default=None)


def reclaim(folder: Path) -> None:
    """Remove a work folder whose build is dead."""
    lock = locks.try_hold(folder / "lock")
    if lock:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
