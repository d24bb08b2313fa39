from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.run_command import prove
from builder.steps.step import Command, Script, Step, interpreter

HANDED_IN = "golden-script"

_EXAMPLE = """\
run:
  script: files/setup.sh
  check: test -s /etc/ld.so.cache
"""


class Run(Step, name="run", version=1, shorthand="script", example=_EXAMPLE):
    """Run a script of the host's in the guest, as root; it fails the build when it exits non-zero.

    Its first line names what runs it. The script itself never comes to the guest's disk.
    """

    script: Script = Field(description="The script, relative to the recipe.")
    # A step's own `check` is the method below.
    proof: Command | None = Field(
        default=None,
        alias="check",
        description="A command that succeeds on the sealed disk where the script did its work, and changes nothing.",
    )

    def apply(self, guest: Guest) -> None:
        program = interpreter(self.script)
        if not guest.is_file(program):
            raise GuestError(
                f"the guest has no {program}, which the first line of {self.script.name} names",
                hint="install its package in an earlier step",
            )
        path = guest.appliance.hand_in(self.script.read_bytes(), HANDED_IN)
        try:
            guest.run(f"chmod 700 {path} && {path}")
        finally:
            guest.appliance.shell(f"rm -f {path}")

    def check(self, guest: Guest) -> Iterator[Finding]:
        return prove(guest, self.proof)
