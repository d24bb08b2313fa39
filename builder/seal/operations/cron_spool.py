from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation, shorten
from builder.seal.tree import GuestTree

COUNTER = "/var/spool/{cron,at,atjobs,atspool}/**/.SEQ"
FIRST = "00000"


class CronSpoolOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        """Reset at's job counter in place, because at does not create a new one."""
        for counter in tree.find_files((COUNTER,)):
            guest.write(counter, f"{FIRST}\n")

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        yield from super().check(guest, tree)
        advanced = [path for path in tree.find_files((COUNTER,)) if guest.read(path).strip() != FIRST]
        yield Finding(not advanced, f"job counter not reset: {shorten(advanced)}" if advanced else "job counter reset")


CRON_SPOOL = CronSpoolOperation(
    "cron-spool",
    "Remove users' cron and at jobs.",
    removed_files=("/var/spool/{cron,at,atjobs,atspool}/**",),
    spared=(COUNTER,),
)
