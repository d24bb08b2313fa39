from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.inputs import Matching
from builder.steps.step import GuestPath, Step


class Link(Step, name="link", version=1, example="link: {target: /usr/bin/vim.tiny, path: /usr/local/bin/vi}"):
    """Make a symbolic link; a file or link that was there is replaced."""

    target: Annotated[
        str, Matching(r"^[^\x00-\x1f\x7f]+$", "must not be empty or contain line breaks or control characters")
    ] = Field(description="What the link says: a path of the guest, absolute or relative to the link's folder.")
    path: GuestPath = Field(description="The link; its folders are made where they are missing.")

    def apply(self, guest: Guest) -> None:
        stat = guest.find_stat(self.path)
        if stat is not None and stat.kind == "folder":
            raise GuestError(f"{self.path} is a folder", hint="delete it in an earlier step, or name a path in it")
        guest.mkdir(posixpath.dirname(self.path))
        guest.link(self.target, self.path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        stat = guest.find_stat(self.path)
        now = guest.read_link(self.path) if stat and stat.kind == "link" else "no link"
        yield Finding(now == self.target, f"{self.path} is {now}")

    def kept_paths(self) -> Iterable[str]:
        yield self.path
