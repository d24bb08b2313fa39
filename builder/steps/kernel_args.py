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
"""What GRUB's own script language would take for something else."""


def _one_word(value: str) -> str:
    if not value or not value.isprintable() or " " in value:
        raise ValueError("must be one word, as it stands on the kernel's command line")
    if bad := sorted(FORBIDDEN & set(value)):
        raise ValueError(f"must not hold {' '.join(bad)}, which GRUB would read as its own syntax")
    return value


Argument = Annotated[str, AfterValidator(_one_word)]


class KernelArgs(
    Step,
    name="kernel-args",
    version=1,
    changes_boot=True,
    example="kernel-args: {add: [net.ifnames=0, biosdevname=0], remove: [quiet]}",
):
    """Add and remove arguments of the kernel's command line.

    Removal comes first, so that `{remove: [loglevel], add: [loglevel=3]}` replaces. An argument is
    added unless it stands there word for word: some (`console=`) may be given more than once.
    """

    add: list[Argument] = Field(default=[], description="Arguments that every kernel entry shall have.")
    remove: list[Argument] = Field(
        default=[],
        description="Arguments that no entry shall have: a glob of a whole argument (`console=*`), or of a key alone, "
        "with any value (`console`).",
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> KernelArgs:
        if not self.add and not self.remove:
            raise ValueError("give add, remove or both")
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
            having = sum(wanted in line for line in lines)
            yield Finding(having == len(lines), f"{having} of {len(lines)} kernel entries have {wanted}")
        left = sorted({each for line in lines for each in line if self._removes(each) and each not in self.add})
        if self.remove:
            yield Finding(not left, f"of the removed kernel arguments {' '.join(left) or 'none'} is left")
