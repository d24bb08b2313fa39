from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPaths, Step


class Touch(Step, name="touch", version=1, shorthand="paths", example="touch: /etc/cloud/cloud-init.disabled"):
    """Create empty files, or update the timestamps of existing ones."""

    paths: GuestPaths = Field(description="The files. Missing parent folders are created.")

    def apply(self, guest: Guest) -> None:
        for path in self.paths:
            guest.mkdir(posixpath.dirname(path))
            guest.call("touch", path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        for path in self.paths:
            present = guest.is_file(path)
            yield Finding(present, f"{path} {'exists' if present else 'is missing'}")

    def kept_paths(self) -> Iterable[str]:
        return self.paths
