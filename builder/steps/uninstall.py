from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.steps.step import Step


def _check_pattern(pattern: str) -> str:
    if pattern.startswith("-"):
        raise ValueError("a package name must not begin with -")
    if not pattern or not set(pattern) <= _LETTERS:
        raise ValueError("must be a package name or a glob pattern, such as lftp or python3-*")
    return pattern


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+._-*?[]!")


class Uninstall(
    Step, name="uninstall", version=1, shorthand="packages", example='uninstall: ["NetworkManager*", firewalld]'
):
    """Remove packages and their configuration. Packages that are not installed are ignored."""

    packages: list[Annotated[str, AfterValidator(_check_pattern)]] = Field(
        description="Package names, or glob patterns for the names of installed packages.", min_length=1
    )

    def apply(self, guest: Guest) -> None:
        manager = packages.of(guest)
        if names := manager.matching(self.packages):
            manager.remove(names)

    def check(self, guest: Guest) -> Iterator[Finding]:
        manager = packages.of(guest)
        for pattern in self.packages:
            left = manager.matching([pattern])
            if left:
                yield Finding(False, f"{pattern} still matches {' '.join(left)}")
            else:
                yield Finding(True, f"no installed package matches {pattern}")
