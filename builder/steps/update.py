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
        raise ValueError("leave the step out where nothing shall be updated")
    return value


class Update(Step, name="update", version=1, takes_packages=True, shorthand="everything", example="update: true"):
    """Bring every installed package to its newest version."""

    everything: Annotated[bool, AfterValidator(_only_true)] = Field(description="Always true.")

    def apply(self, guest: Guest) -> None:
        packages.of(guest).update()

    def check(self, guest: Guest) -> Iterator[Finding]:
        # The newest version of today may be old tomorrow; that every update came to its end stays true.
        unfinished = packages.of(guest).unfinished()
        if unfinished:
            yield Finding(False, f"half installed: {' '.join(unfinished)}")
        else:
            yield Finding(True, "every package is wholly installed")
