from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPaths, Step


class Truncate(Step, name="truncate", version=1, shorthand="paths", example="truncate: /etc/motd"):
    """Empty files. They keep their modes and owners."""

    paths: GuestPaths = Field(description="The files, which must exist. A symbolic link is followed.")

    def apply(self, guest: Guest) -> None:
        for path in self.paths:
            guest.stat(path)
            guest.truncate(path)

    def check(self, guest: Guest) -> Iterator[Finding]:
        for path in self.paths:
            stat = guest.find_stat(guest.resolve(path))
            if stat is None or stat.kind != "file":
                yield Finding(False, f"{path} is missing")
            else:
                yield Finding(stat.size == 0, f"{path} has {stat.size} bytes")

    def kept_paths(self) -> Iterable[str]:
        return self.paths
