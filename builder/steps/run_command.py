from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.errors import CommandError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import Command, Step

_EXAMPLE = """\
run-command:
  command: ldconfig
  check: test -s /etc/ld.so.cache
"""


class RunCommand(Step, name="run-command", version=1, shorthand="command", example=_EXAMPLE):
    """Run a command in the guest, as root.

    /bin/sh runs it. A non-zero exit status fails the build.
    """

    command: Command = Field(description="One or more lines for /bin/sh.")
    # The name `check` is taken by the method below; layer keys contain the name `proof`.
    proof: Command | None = Field(
        default=None,
        alias="check",
        description="A command that tests the result on the sealed disk. It must exit 0 and change nothing.",
    )

    def apply(self, guest: Guest) -> None:
        guest.run(self.command)

    def check(self, guest: Guest) -> Iterator[Finding]:
        return run_check(guest, self.proof)


def run_check(guest: Guest, command: str | None) -> Iterator[Finding]:
    """Run the recipe's check command and yield its result; yield nothing if there is no command."""
    if command is None:
        return
    try:
        guest.run(command, quiet=True)
    except CommandError as error:
        yield Finding(False, f"{command} exited with status {error.status}: {error.output.strip()}".rstrip(": "))
    else:
        yield Finding(True, f"{command} succeeded")
