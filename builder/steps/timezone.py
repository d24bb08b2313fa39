from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.inputs import Matching
from builder.steps.step import Step, compare


class Timezone(Step, name="timezone", version=1, shorthand="zone", example="timezone: Europe/London"):
    """Set the system time zone."""

    zone: Annotated[
        str, Matching(r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", "must be the name of a time zone, such as Europe/London")
    ] = Field(description="Name of the time zone: a path below /usr/share/zoneinfo.")

    @property
    def _file(self) -> str:
        return f"/usr/share/zoneinfo/{self.zone}"

    def apply(self, guest: Guest) -> None:
        if not guest.is_file(self._file):
            raise GuestError(
                f"the guest has no time zone {self.zone}",
                hint="correct the name, or add `install: [tzdata]` before this step",
            )
        guest.link(self._file, "/etc/localtime")
        if guest.exists("/etc/timezone"):
            guest.write("/etc/timezone", f"{self.zone}\n")

    def check(self, guest: Guest) -> Iterator[Finding]:
        link = guest.find_stat("/etc/localtime")
        if link and link.kind == "link":
            yield compare("/etc/localtime links to", guest.read_link("/etc/localtime"), self._file)
        else:
            yield Finding(False, "/etc/localtime is not a symbolic link")
        if guest.is_file("/etc/timezone"):
            name = guest.read("/etc/timezone").strip()
            yield compare("/etc/timezone has", name, self.zone)
