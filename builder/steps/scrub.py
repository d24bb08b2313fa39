from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPaths, Step


class Scrub(Step, name="scrub", version=1, shorthand="paths", example="scrub: /root/install.key"):
    """Delete files so that what was in them cannot be read from the disk again.

    A layer that an earlier step left in the cache still holds it; no published disk does.
    """

    paths: GuestPaths = Field(description="Regular files, which must be there; of a link, what it leads to goes, too.")

    def apply(self, guest: Guest) -> None:
        for path in self.paths:
            guest.want(path)
            file = guest.resolve(path)
            if guest.want(file).kind != "file":
                raise GuestError(f"{path} is no regular file", hint="`delete` removes all else")
            guest.run(shlex.join(["shred", "--remove", "--", file]), quiet=True)
            guest.remove(path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        for path in self.paths:
            gone = not guest.exists(path)
            yield Finding(gone, f"{path} is {'gone' if gone else 'still there'}")

    def concerns(self) -> Iterable[str]:
        return self.paths
