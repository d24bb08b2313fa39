from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPaths, Step


class Scrub(Step, name="scrub", version=1, shorthand="paths", example="scrub: /root/install.key"):
    """Overwrite files, then delete them.

    The published disk no longer contains the data, but cached layers of earlier steps still do.
    """

    paths: GuestPaths = Field(
        description="Regular files, which must exist. A symbolic link is deleted together with its target."
    )

    def apply(self, guest: Guest) -> None:
        for path in self.paths:
            guest.stat(path)
            file = guest.resolve(path)
            if guest.stat(file).kind != "file":
                raise GuestError(f"{path} is not a regular file", hint="use `delete` for folders and other files")
            guest.run(shlex.join(["shred", "--remove", "--", file]), quiet=True)
            guest.remove(path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        for path in self.paths:
            gone = not guest.exists(path)
            yield Finding(gone, f"{path} {'is gone' if gone else 'still exists'}")

    def affected_paths(self) -> Iterable[str]:
        return self.paths
