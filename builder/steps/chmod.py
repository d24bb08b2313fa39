from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, Mode, Step, compare


class Chmod(Step, name="chmod", version=1, example='chmod: {path: /etc/crontab, mode: "0600"}'):
    """Change the permissions of a file or folder."""

    path: GuestPath = Field(description="The file or folder. A symbolic link is followed.")
    mode: Mode = Field(description="Permission bits in octal, in quotes.")

    def apply(self, guest: Guest) -> None:
        guest.stat(self.path)
        guest.chmod(self.path, int(self.mode, 8))

    def check(self, guest: Guest) -> Iterator[Finding]:
        stat = guest.find_stat(guest.resolve(self.path))
        if stat is None:
            yield Finding(False, f"{self.path} is missing")
        else:
            yield compare(f"{self.path} has mode", f"{stat.mode:04o}", self.mode)

    def kept_paths(self) -> Iterable[str]:
        yield self.path
