from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from builder.findings import Finding
from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.steps.step import Step


class BootLoader(Step, name="boot-loader", version=1, shorthand="regenerate", example="boot-loader: true"):
    """Regenerate the boot loader's configuration.

    A recipe rarely needs this step: golden regenerates the configuration by itself after the last
    step that changes boot loader settings. It does so once, because it takes many seconds.
    """

    regenerate: Literal[True] = Field(default=True, description="Must be true: the step has no other options.")

    def apply(self, guest: Guest) -> None:
        bootloader.of(guest).regenerate()

    def check(self, guest: Guest) -> Iterator[Finding]:
        entries = len(bootloader.of(guest).kernel_lines())
        yield Finding(entries > 0, f"the boot loader has {entries} kernel entries")
