from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, GuestTarget, Step, targets


class Move(Step, name="move", version=1, example="move: {source: /etc/motd, path: /etc/motd.old}"):
    """Move or rename a file or folder within the guest. An existing file at the new path is replaced."""

    source: GuestPath = Field(description="The file or folder in the guest.")
    path: GuestTarget = Field(description="The new path, or the folder to move it into under the same name.")

    @property
    def _name(self) -> str:
        return posixpath.basename(self.source)

    def apply(self, guest: Guest) -> None:
        guest.stat(self.source)
        path = guest.destination(self.path, self._name)
        guest.mkdir(posixpath.dirname(path))
        guest.run(shlex.join(["mv", "-fT", "--", self.source, path]), quiet=True)

    def check(self, guest: Guest) -> Iterator[Finding]:
        gone = not guest.exists(self.source)
        yield Finding(gone, f"{self.source} {'is gone' if gone else 'still exists'}")
        moved = any(guest.exists(path) for path in self.kept_paths())
        yield Finding(moved, f"{self.path} {'exists' if moved else 'is missing'}")

    def kept_paths(self) -> Iterable[str]:
        return targets(self.path, self._name)

    def affected_paths(self) -> Iterable[str]:
        return [self.source, *self.kept_paths()]
