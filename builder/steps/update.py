from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.steps.step import Step


def _only_true(value: bool) -> bool:
    if not value:
        raise ValueError("must be true; to update nothing, remove the step")
    return value


class Update(Step, name="update", version=1, takes_packages=True, shorthand="everything", example="update: true"):
    """Update all installed packages."""

    everything: Annotated[bool, AfterValidator(_only_true)] = Field(
        description="Must be true: the step has no other options."
    )

    def apply(self, guest: Guest) -> None:
        packages.of(guest).update()

    def check(self, guest: Guest) -> Iterator[Finding]:
        # Whether a package is up to date changes over time; whether its update is complete does not.
        unfinished = packages.of(guest).unfinished()
        if unfinished:
            yield Finding(False, f"not completely installed: {' '.join(unfinished)}")
        else:
            yield Finding(True, "all packages are completely installed")
