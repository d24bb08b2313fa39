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
    """Run a command in the guest, as root, by /bin/sh; it fails the build when it exits non-zero."""

    command: Command = Field(description="The command, of one line or many.")
    # A step's own `check` is the method below.
    proof: Command | None = Field(
        default=None,
        alias="check",
        description="A command that succeeds on the sealed disk where the first did its work, and changes nothing.",
    )

    def apply(self, guest: Guest) -> None:
        guest.run(self.command)

    def check(self, guest: Guest) -> Iterator[Finding]:
        return prove(guest, self.proof)


def prove(guest: Guest, command: str | None) -> Iterator[Finding]:
    """What a command of the recipe's finds out by its exit status; nothing without a command."""
    if command is None:
        return
    try:
        guest.run(command, quiet=True)
    except CommandError as error:
        yield Finding(False, f"{command} exits with status {error.status}: {error.output.strip()}".rstrip(": "))
    else:
        yield Finding(True, f"{command} succeeds")
