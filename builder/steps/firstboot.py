from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import firstboot
from builder.guest.guest import Guest
from builder.steps.step import Script, Step


class Firstboot(Step, name="firstboot", version=1, shorthand="script", example="firstboot: files/register.sh"):
    """Run a script once, at a node's first boot.

    The first line of the script names its interpreter. Commands and scripts for the first boot run in
    the order of the recipe; see `firstboot-command`. Their output goes to /var/log/golden-firstboot.log
    on the node. The guest needs systemd.
    """

    script: Script = Field(description="The script: a file on the host, relative to the recipe.")

    @property
    def _text(self) -> str:
        return self.script.read_bytes().decode(errors="surrogateescape")

    def apply(self, guest: Guest) -> None:
        firstboot.add_script(guest, self._text)

    def check(self, guest: Guest) -> Iterator[Finding]:
        return firstboot.check_script(guest, self._text)

    def kept_paths(self) -> Iterable[str]:
        return firstboot.KEPT
