from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, Step


def _check_line(line: str) -> str:
    if line.splitlines() not in ([line], []):
        raise ValueError("must be one line; use one append-line step for each line")
    return line


class AppendLine(
    Step, name="append-line", version=1, example='append-line: {path: /etc/hosts, line: "10.0.0.1 mirror"}'
):
    """Append a line to a file.

    The file keeps its mode and owner, and is created if it does not exist. If its last line has no
    line break, one is added first.
    """

    path: GuestPath = Field(description="The file. Missing parent folders are created.")
    line: Annotated[str, AfterValidator(_check_line)] = Field(description="The line, without a line break.")

    def apply(self, guest: Guest) -> None:
        file = guest.resolve(self.path)
        stat = guest.find_stat(file)
        if stat is None:
            guest.write(file, f"{self.line}\n")
            return
        last = bytes(guest.call("pread", file, 1, stat.size - 1)) if stat.size else b"\n"
        text = f"{self.line}\n" if last == b"\n" else f"\n{self.line}\n"
        guest.call("write_append", file, text.encode())

    def check(self, guest: Guest) -> Iterator[Finding]:
        present = guest.is_file(self.path) and self.line in guest.read(self.path).split("\n")
        yield Finding(present, f"{self.path} {'has' if present else 'does not have'} the line {self.line!r}")

    def kept_paths(self) -> Iterable[str]:
        yield self.path
