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
            raise ValueError(f"{pattern} is the whole guest")
    return patterns


class Delete(Step, name="delete", version=1, shorthand="paths", example="delete: [/etc/motd, /var/cache/man/*]"):
    """Delete files, and folders with all that is in them; what is not there is fine.

    Of a link, the link goes. A name may have `*`, `?`, `[abc]` and `{one,other}`; as in a shell,
    `*` leaves out names that begin with a dot.
    """

    paths: Annotated[GuestPaths, AfterValidator(_spare_root)] = Field(description="Paths or globs of them.")

    def apply(self, guest: Guest) -> None:
        for pattern in self.paths:
            guest.remove(*_matching(guest, pattern))

    def check(self, guest: Guest) -> Iterator[Finding]:
        for pattern in self.paths:
            left = _matching(guest, pattern)
            yield Finding(not left, f"{left[0]} is still there" if left else f"nothing is left of {pattern}")

    def concerns(self) -> Iterable[str]:
        """Of a glob, the folder in which it searches."""
        for pattern in self.paths:
            wild = WILD.search(pattern)
            yield pattern[: pattern.rindex("/", 0, wild.start())] if wild else pattern


def _matching(guest: Guest, pattern: str) -> list[str]:
    if WILD.search(pattern):
        return guest.glob(pattern)
    return [pattern] if guest.exists(pattern) else []
