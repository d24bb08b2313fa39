"""Changes one file of a guest, through a copy on the host."""

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
"""Changes a file on the host. Raises RequestError if it fails."""


def edit(guest: Guest, path: str, change: Change) -> bool:
    """Apply `change` to a copy of a guest's file and write the result back. False if nothing changed.

    Keeps mode, owner and extended attributes, including the SELinux label. For a link, changes the file
    that it points to. Raises RequestError; the guest's file is then unchanged.
    """
    files.require_file(guest, path)
    file = guest.resolve(path)
    before = guest.read_bytes(file)
    with scratch_folder() as folder:
        copy = folder / posixpath.basename(file)  # editors choose their mode by the file name
        copy.write_bytes(before)
        change(copy)
        try:
            after = copy.read_bytes()
        except OSError as error:
            raise RequestError(
                f"cannot read the edited copy of {path}; nothing was changed", details=str(error)
            ) from error
    if after == before:
        return False
    replace(guest, file, after)
    return True


def replace(guest: Guest, file: str, content: bytes) -> None:
    """Replace the content of a file atomically, since the disk may be full. The path must not contain links."""
    staged = posixpath.join(posixpath.dirname(file), f".golden-edit-{os.getpid()}")
    try:
        guest.write(staged, content)
        everything = True
        guest.call("copy_attributes", file, staged, everything)
        guest.chmod(staged, files.require(guest, file).mode)  # the change of owner cleared the set-user-ID bits
        guest.call("rename", staged, file)
    except GoldenError:
        if guest.appliance.alive:
            guest.remove(staged)
        raise


def by_expressions(expressions: Sequence[str]) -> Change:
    """A change by `sed -E` expressions, in order. They cannot reach other files or run commands."""

    def change(copy: Path) -> None:
        arguments = [word for expression in expressions for word in ("--expression", expression)]
        try:
            process.run(["sed", "--sandbox", "--regexp-extended", "--in-place", *arguments, str(copy)])
        except CommandError as error:
            raise RequestError("sed rejected the expression; nothing was changed", details=error.output) from error

    return change
