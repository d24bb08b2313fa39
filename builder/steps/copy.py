from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, GuestTarget, Step, targets


class Copy(Step, name="copy", version=1, example="copy: {source: /usr/share/doc/bash/INTRO.gz, path: /srv/}"):
    """Copy a file or folder inside the guest, with modes, owners and all that is in it.

    A link is copied as a link. A folder is merged into one that has its place already.
    """

    source: GuestPath = Field(description="The file or folder in the guest.")
    path: GuestTarget = Field(description="The copy's path, or the folder to put it in under the same name.")

    @property
    def _name(self) -> str:
        return posixpath.basename(self.source)

    def apply(self, guest: Guest) -> None:
        guest.want(self.source)
        path = guest.place(self.path, self._name)
        guest.mkdir(posixpath.dirname(path))
        guest.run(shlex.join(["cp", "-aT", "--", self.source, path]), quiet=True)

    def check(self, guest: Guest) -> Iterator[Finding]:
        found = [path for path in targets(self.path, self._name) if guest.exists(path)]
        if not found:
            yield Finding(False, f"{self.path} is missing")
        elif guest.exists(self.source):
            # Two are found where the path is a folder now: the copy itself, or what it was put in.
            same = next((path for path in found if _is_like(guest, path, self.source)), None)
            yield Finding(same is not None, f"{same or found[0]} is {'' if same else 'not '}like {self.source}")
        else:
            yield Finding(True, f"{found[0]} is there")

    def kept_paths(self) -> Iterable[str]:
        return targets(self.path, self._name)

    def concerns(self) -> Iterable[str]:
        return [self.source, *self.kept_paths()]


def _is_like(guest: Guest, path: str, other: str) -> bool:
    """Whether two are of one kind, mode and owner, and if they are files, of the same content."""
    one, two = guest.want(path), guest.want(other)
    if (one.kind, one.mode, one.uid, one.gid) != (two.kind, two.mode, two.uid, two.gid):
        return False
    return one.kind != "file" or len({guest.call("checksum", "sha256", each) for each in (path, other)}) == 1
