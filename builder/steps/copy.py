from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, GuestTarget, Step, targets


class Copy(Step, name="copy", version=1, example="copy: {source: /usr/share/doc/bash/INTRO.gz, path: /srv/}"):
    """Copy a file or folder within the guest.

    The copy keeps modes and owners. A folder is copied with everything in it, and merged into an
    existing folder at the destination. Symbolic links are copied as links.
    """

    source: GuestPath = Field(description="The file or folder in the guest.")
    path: GuestTarget = Field(description="The path of the copy, or the folder to copy into under the same name.")

    @property
    def _name(self) -> str:
        return posixpath.basename(self.source)

    def apply(self, guest: Guest) -> None:
        guest.stat(self.source)
        path = guest.destination(self.path, self._name)
        guest.mkdir(posixpath.dirname(path))
        guest.run(shlex.join(["cp", "-aT", "--", self.source, path]), quiet=True)

    def check(self, guest: Guest) -> Iterator[Finding]:
        found = [path for path in targets(self.path, self._name) if guest.exists(path)]
        if not found:
            yield Finding(False, f"{self.path} is missing")
        elif guest.exists(self.source):
            # If the path is a folder, it is either the copy itself or the folder that contains the copy.
            same = next((path for path in found if _is_same(guest, path, self.source)), None)
            yield Finding(same is not None, f"{same or found[0]} {'matches' if same else 'differs from'} {self.source}")
        else:
            yield Finding(True, f"{found[0]} exists")

    def kept_paths(self) -> Iterable[str]:
        return targets(self.path, self._name)

    def affected_paths(self) -> Iterable[str]:
        return [self.source, *self.kept_paths()]


def _is_same(guest: Guest, path: str, other: str) -> bool:
    """Whether two paths have the same kind, mode and owner, and the same contents if they are files."""
    one, two = guest.stat(path), guest.stat(other)
    if (one.kind, one.mode, one.uid, one.gid) != (two.kind, two.mode, two.uid, two.gid):
        return False
    return one.kind != "file" or len({guest.call("checksum", "sha256", each) for each in (path, other)}) == 1
