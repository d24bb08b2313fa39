from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest.bootloader import assign, find_assignments
from builder.guest.guest import Guest
from builder.steps.step import Step

FILE = "/etc/sysconfig/network"
NAME = "NOZEROCONF"


class Zeroconf(Step, name="zeroconf", version=1, shorthand="enabled", families={"redhat"}, example="zeroconf: false"):
    """Turn the zeroconf route (169.254.0.0/16) of EL's network-scripts on or off.

    The route blocks the metadata service of clouds at 169.254.169.254 and slows down name resolution.
    NetworkManager never adds it.
    """

    enabled: bool = Field(description="Add the route to every interface, as EL does by default.")

    def apply(self, guest: Guest) -> None:
        text = guest.read(FILE) if guest.is_file(FILE) else ""
        ours = set(find_assignments(text, NAME))
        without = "".join(line for number, line in enumerate(text.splitlines(keepends=True)) if number not in ours)
        guest.write(FILE, without if self.enabled else assign(without, NAME, "yes"), mode=0o644)

    def check(self, guest: Guest) -> Iterator[Finding]:
        # network-scripts treats any non-empty value as yes.
        now = guest.query(f'[ ! -f {FILE} ] || . {FILE} >/dev/null 2>&1; echo "${{{NAME}:-}}"')
        correct = bool(now) is not self.enabled
        expected = "" if correct else f" (expected {'not set' if self.enabled else 'yes'})"
        yield Finding(correct, f"{NAME} is {now or 'not set'}{expected}")
