from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import trees
from builder.guest.guest import Guest
from builder.steps.step import GuestTarget, InputTree, Step


class CopyIn(Step, name="copy-in", version=1, example="copy-in: {source: files/site, path: /srv}"):
    """Copy a file or folder from the host into a folder of the guest.

    It keeps its name, its mode and its numeric owner. A folder is copied with everything in it and
    merged into an existing folder of the same name. Symbolic links are copied as links.
    """

    source: InputTree = Field(description="The file or folder, relative to the recipe.")
    path: GuestTarget = Field(description="The folder of the guest to copy into. It is created if it does not exist.")

    @property
    def _path(self) -> str:
        return posixpath.join(self.path, self.source.name)

    def apply(self, guest: Guest) -> None:
        trees.copy_in(guest, self.source, self._path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        yield trees.compare(guest, self._path, trees.of_host(self.source), self.source.name)

    def kept_paths(self) -> Iterable[str]:
        return trees.paths(self._path, trees.of_host(self.source, contents=False))
