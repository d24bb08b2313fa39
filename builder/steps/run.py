from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.run_command import run_check
from builder.steps.step import Command, Script, Step, interpreter

SCRIPT_NAME = "golden-script"

_EXAMPLE = """\
run:
  script: files/setup.sh
  check: test -s /etc/ld.so.cache
"""


class Run(Step, name="run", version=1, shorthand="script", example=_EXAMPLE):
    """Run a script in the guest, as root.

    The first line of the script names its interpreter. A non-zero exit status fails the build. The
    script is not copied to the guest's disk.
    """

    script: Script = Field(description="The script: a file on the host, relative to the recipe.")
    # The name `check` is taken by the method below; layer keys contain the name `proof`.
    proof: Command | None = Field(
        default=None,
        alias="check",
        description="A command that tests the result on the sealed disk. It must exit 0 and change nothing.",
    )

    def apply(self, guest: Guest) -> None:
        program = interpreter(self.script)
        if not guest.is_file(program):
            raise GuestError(
                f"the guest has no {program}, the interpreter of {self.script.name}",
                hint="install its package in an earlier step, or correct the first line of the script",
            )
        path = guest.appliance.upload_to_memory(self.script.read_bytes(), SCRIPT_NAME)
        try:
            guest.run(f"chmod 700 {path} && {path}")
        finally:
            guest.appliance.shell(f"rm -f {path}")

    def check(self, guest: Guest) -> Iterator[Finding]:
        return run_check(guest, self.proof)
