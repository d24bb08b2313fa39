from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPaths, Step


class Mkdir(Step, name="mkdir", version=1, shorthand="paths", example="mkdir: /srv/www/html"):
    """Create folders and their parents, with mode 0755. Existing folders do not change."""

    paths: GuestPaths = Field(description="The folders.")

    def apply(self, guest: Guest) -> None:
        for path in self.paths:
            guest.mkdir(path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        for path in self.paths:
            present = guest.is_folder(path)
            yield Finding(present, f"{path} is {'' if present else 'not '}a folder")

    def kept_paths(self) -> Iterable[str]:
        return self.paths
