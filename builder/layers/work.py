"""Scratch folders of running builds, and what dead builds left."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from builder import locks
from builder.errors import HostError
from builder.layers.cache import Cache
from builder.paths import Output


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


@contextlib.contextmanager
def work_folder(output: Output) -> Iterator[Path]:
    """A scratch folder of our own, removed at the end; what killed builds left is reclaimed first.

    Raises HostError where the output folder cannot be written.
    """
    parent = output.work
    try:
        parent.mkdir(parents=True, exist_ok=True)
        # One at a time: between making a folder and locking it, it would look dead.
        with locks.held(parent / ".lock"):
            for folder in parent.iterdir():
                if folder.is_dir():
                    reclaim(folder)
            mine = Path(tempfile.mkdtemp(dir=parent))
            lock = locks.try_hold(mine / "lock")
            alive = {folder.name for folder in parent.iterdir()}
            for cache in (output.bases, output.layers):
                Cache(cache).sweep(alive)
    except OSError as error:
        raise unwritable(output, error) from error
    try:
        yield mine
    finally:
        for cache in (output.bases, output.layers):
            Cache(cache).abandon(mine.name)
        shutil.rmtree(mine, ignore_errors=True)
        if lock:
            lock.release()


def reclaim(folder: Path) -> None:
    """Remove a work folder whose build is dead."""
    lock = locks.try_hold(folder / "lock")
    if lock:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
