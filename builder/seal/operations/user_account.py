from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation, some
from builder.seal.tree import GuestTree

LOGIN_DEFS = "/etc/login.defs"
RANGE = (1000, 60000)
"""UID_MIN and UID_MAX where login.defs is silent (login.defs(5))."""

BACKUPS = tuple(f"/etc/{name}-" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))


@dataclass(frozen=True)
class UserAccountOperation(Operation):
    """Those whose number lies between UID_MIN and UID_MAX of /etc/login.defs, with group, mail and home.

    A home that is not below /home stays, for other things may be in it. So do users whom a step made, or
    gave a key or a password. `seal: {keep-users: […]}` names some that stay.
    """

    keep: tuple[str, ...] = ()

    def key(self) -> Any:
        return [*super().key(), sorted(self.keep)]

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        for name, home in self._find_users(guest).items():
            guest.run(f"userdel --force {shlex.quote(name)}")
            # userdel would leave a home whose owner is another, and complain of mail that is not there.
            if home.startswith("/home/") and posixpath.normpath(home) != "/home":
                guest.remove(home)
            guest.remove(f"/var/mail/{name}", f"/var/spool/mail/{name}")
        # userdel keeps the databases as they were, with all who are gone.
        guest.remove(*(backup for backup in BACKUPS if backup not in tree))

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        left = self._find_users(guest)
        yield Finding(not left, f"still there: {some(left)}" if left else "no user is left who should not be")

    def _find_users(self, guest: Guest) -> dict[str, str]:
        """The users to remove, with their homes."""
        text = guest.read(LOGIN_DEFS) if guest.is_file(LOGIN_DEFS) else ""
        said = dict(re.findall(r"^\s*(UID_MIN|UID_MAX)\s+(\d+)", text, re.MULTILINE))
        least, most = (
            int(said.get(name, default)) for name, default in zip(("UID_MIN", "UID_MAX"), RANGE, strict=True)
        )
        return {
            name: fields[5]
            for name, fields in guest.users().items()
            if least <= int(fields[2]) <= most and name not in self.keep
        }


USER_ACCOUNT = UserAccountOperation("user-account", "Remove the users that people log in as.", default=False)
