"""Changing one file of a guest by way of a copy on the host."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path

from builder import process
from builder.appliance.scratch import scratch_folder
from builder.errors import CommandError, GoldenError, RequestError
from builder.guest.guest import Guest
from builder.offline import files

Change = Callable[[Path], None]
"""Changes a file of the host; raises RequestError when that failed."""


def edit(guest: Guest, path: str, change: Change) -> bool:
    """Let `change` work on a copy of a guest's file and take what comes of it; False when it changed nothing.

    Mode, owner and extended attributes, with the SELinux label, stay. A link stays, and what it leads
    to is changed. Raises RequestError; the guest's file is then as it was.
    """
    files.want_file(guest, path)
    file = guest.resolve(path)
    before = guest.read_bytes(file)
    with scratch_folder() as folder:
        copy = folder / posixpath.basename(file)  # editors go by a file's name
        copy.write_bytes(before)
        change(copy)
        try:
            after = copy.read_bytes()
        except OSError as error:
            raise RequestError(f"the edited copy of {path} is gone; nothing is changed", details=str(error)) from error
    if after == before:
        return False
    replace(guest, file, after)
    return True


def replace(guest: Guest, file: str, content: bytes) -> None:
    """Give a file, named without links on its way, other bytes in one atomic step: the disk may be full."""
    staged = posixpath.join(posixpath.dirname(file), f".golden-edit-{os.getpid()}")
    try:
        guest.write(staged, content)
        everything = True
        guest.call("copy_attributes", file, staged, everything)
        guest.chmod(staged, files.want(guest, file).mode)  # a new owner took set-user-ID bits away
        guest.call("rename", staged, file)
    except GoldenError:
        if guest.appliance.alive:
            guest.remove(staged)
        raise


def by_expressions(expressions: Sequence[str]) -> Change:
    """Expressions of `sed -E`, one after the other; they may not reach other files or run commands."""

    def change(copy: Path) -> None:
        told = [word for expression in expressions for word in ("--expression", expression)]
        try:
            process.run(["sed", "--sandbox", "--regexp-extended", "--in-place", *told, str(copy)])
        except CommandError as error:
            raise RequestError("sed refused; nothing is changed", details=error.output) from error

    return change
