from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from builder.findings import Finding
from builder.guest import trees
from builder.guest.guest import Guest
from builder.steps.step import GuestTarget, InputTree, Step


class CopyIn(Step, name="copy-in", version=1, example="copy-in: {source: files/site, path: /srv}"):
    """Copy a host's file or folder into a folder of the guest, under its own name.

    All that is in the folder comes along, with modes and owners (by number); links stay links. A
    folder is merged into one of that name.
    """

    source: InputTree = Field(description="The file or folder, relative to the recipe.")
    path: GuestTarget = Field(description="The folder in the guest to put it in; made where it is missing.")

    @property
    def _path(self) -> str:
        return posixpath.join(self.path, self.source.name)

    def apply(self, guest: Guest) -> None:
        if self.source.is_dir():
            with trees.packed(self.source) as stream:
                guest.unpack(Path(f"/dev/fd/{stream.fileno()}"), self._path)
            return
        stat = self.source.stat()
        guest.mkdir(self.path)
        guest.upload(self.source, self._path)
        file = guest.resolve(self._path)
        guest.chown(file, f"{stat.st_uid}:{stat.st_gid}")
        guest.chmod(file, stat.st_mode & 0o7777)

    def check(self, guest: Guest) -> Iterator[Finding]:
        yield trees.compare(guest, self._path, trees.of_host(self.source), self.source.name)

    def kept_paths(self) -> Iterable[str]:
        return trees.paths(self._path, trees.of_host(self.source, contents=False))
