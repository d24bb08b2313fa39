from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPaths, Step

WILD = re.compile(r"[*?\[{]")


def _spare_root(patterns: list[str]) -> list[str]:
    for pattern in patterns:
        if not pattern.strip("/*?"):
            raise ValueError(f"{pattern} would delete the whole guest")
    return patterns


class Delete(Step, name="delete", version=1, shorthand="paths", example="delete: [/etc/motd, /var/cache/man/*]"):
    """Delete files and folders. Missing ones are ignored.

    Folders are deleted with everything in them. A symbolic link is deleted, its target is not. Paths
    may contain `*`, `?`, `[abc]` and `{one,other}`. As in a shell, `*` does not match names that
    begin with a dot.
    """

    paths: Annotated[GuestPaths, AfterValidator(_spare_root)] = Field(description="The paths, or glob patterns.")

    def apply(self, guest: Guest) -> None:
        for pattern in self.paths:
            guest.remove(*_matches(guest, pattern))

    def check(self, guest: Guest) -> Iterator[Finding]:
        for pattern in self.paths:
            left = _matches(guest, pattern)
            yield Finding(not left, f"{left[0]} still exists" if left else f"nothing matches {pattern}")

    def affected_paths(self) -> Iterable[str]:
        """For a glob pattern, return the folder that it searches."""
        for pattern in self.paths:
            wild = WILD.search(pattern)
            yield pattern[: pattern.rindex("/", 0, wild.start())] if wild else pattern


def _matches(guest: Guest, pattern: str) -> list[str]:
    if WILD.search(pattern):
        return guest.glob(pattern)
    return [pattern] if guest.exists(pattern) else []
