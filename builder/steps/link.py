from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.inputs import Matching
from builder.steps.step import GuestPath, Step, compare


class Link(Step, name="link", version=1, example="link: {target: /usr/bin/vim.tiny, path: /usr/local/bin/vi}"):
    """Create a symbolic link. An existing file or link is replaced."""

    target: Annotated[
        str, Matching(r"^[^\x00-\x1f\x7f]+$", "must be a path without line breaks or other control characters")
    ] = Field(description="Where the link points: a path in the guest, absolute or relative to the link's folder.")
    path: GuestPath = Field(description="The link. Missing parent folders are created.")

    def apply(self, guest: Guest) -> None:
        stat = guest.find_stat(self.path)
        if stat is not None and stat.kind == "folder":
            raise GuestError(
                f"cannot create the link {self.path}: it is a folder",
                hint="delete the folder in an earlier step, or set `path:` to a path inside it",
            )
        guest.mkdir(posixpath.dirname(self.path))
        guest.link(self.target, self.path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        stat = guest.find_stat(self.path)
        if stat and stat.kind == "link":
            yield compare(f"{self.path} links to", guest.read_link(self.path), self.target)
        else:
            yield Finding(False, f"{self.path} is not a symbolic link")

    def kept_paths(self) -> Iterable[str]:
        yield self.path
