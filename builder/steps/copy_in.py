from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

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
        trees.put(guest, self.source, self._path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        yield trees.compare(guest, self._path, trees.of_host(self.source), self.source.name)

    def kept_paths(self) -> Iterable[str]:
        return trees.paths(self._path, trees.of_host(self.source, contents=False))
