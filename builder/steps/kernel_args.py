from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from builder.findings import Finding
from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.steps.step import Step

FORBIDDEN = set("\"'\\$;&|<>{}`#")
"""Characters with a special meaning in GRUB's scripts."""


def _check_argument(value: str) -> str:
    if not value or not value.isprintable() or " " in value:
        raise ValueError("must be one kernel argument, without spaces")
    if bad := sorted(FORBIDDEN & set(value)):
        raise ValueError(f"must not contain {' '.join(bad)}, which GRUB would interpret")
    return value


Argument = Annotated[str, AfterValidator(_check_argument)]


class KernelArgs(
    Step,
    name="kernel-args",
    version=1,
    changes_boot=True,
    example="kernel-args: {add: [net.ifnames=0, biosdevname=0], remove: [quiet]}",
):
    """Add arguments to the kernel's command line, and remove others.

    Arguments are removed first, so `{remove: [loglevel], add: [loglevel=3]}` replaces any other
    loglevel. An argument is added only if the command line does not have exactly the same one. An
    argument such as `console=` may occur more than once, with different values.
    """

    add: list[Argument] = Field(default=[], description="Arguments to add to every kernel entry.")
    remove: list[Argument] = Field(
        default=[],
        description="Arguments to remove from every kernel entry: a glob pattern for the whole argument (`console=*`), "
        "or for its name alone (`console`), whatever its value.",
    )

    @model_validator(mode="after")
    def _check_not_empty(self) -> KernelArgs:
        if not self.add and not self.remove:
            raise ValueError("set add, remove or both")
        return self

    def _removes(self, argument: str) -> bool:
        key = argument.partition("=")[0]
        return any(
            fnmatch.fnmatchcase(argument, pattern) or ("=" not in pattern and fnmatch.fnmatchcase(key, pattern))
            for pattern in self.remove
        )

    def apply(self, guest: Guest) -> None:
        bootloader.of(guest).change_arguments(self._removes, self.add)

    def check(self, guest: Guest) -> Iterator[Finding]:
        lines = bootloader.of(guest).kernel_lines()
        yield Finding(bool(lines), f"the boot loader has {len(lines)} kernel entries")
        for wanted in self.add:
            count = sum(wanted in line for line in lines)
            yield Finding(count == len(lines), f"{count} of {len(lines)} kernel entries have {wanted}")
        left = sorted({each for line in lines for each in line if self._removes(each) and each not in self.add})
        if self.remove:
            yield Finding(
                not left,
                f"removed kernel arguments that are still present: {' '.join(left) or 'none'}",
            )
