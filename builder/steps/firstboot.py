from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import firstboot
from builder.guest.guest import Guest
from builder.steps.step import Script, Step


class Firstboot(Step, name="firstboot", version=1, shorthand="script", example="firstboot: files/register.sh"):
    """Run a script of the host's once at a node's first boot, after what earlier steps left for it.

    Its first line names what runs it. As with `firstboot-command`, what it prints is kept on the node,
    in /var/log/golden-firstboot.log, and the guest needs systemd.
    """

    script: Script = Field(description="The script, relative to the recipe.")

    @property
    def _text(self) -> str:
        return self.script.read_bytes().decode(errors="surrogateescape")

    def apply(self, guest: Guest) -> None:
        firstboot.add_script(guest, self._text)

    def check(self, guest: Guest) -> Iterator[Finding]:
        return firstboot.check_script(guest, self._text)

    def kept_paths(self) -> Iterable[str]:
        return firstboot.KEPT
