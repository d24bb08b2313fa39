from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation, shorten
from builder.seal.tree import GuestTree

LOGIN_DEFS = "/etc/login.defs"
RANGE = (1000, 60000)
"""The defaults of UID_MIN and UID_MAX, from login.defs(5)."""

BACKUPS = tuple(f"/etc/{name}-" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))


@dataclass(frozen=True)
class UserAccountOperation(Operation):
    """User accounts are those whose id is between UID_MIN and UID_MAX of /etc/login.defs. Their groups, mail and
    home folders are removed too, except a home folder outside /home, which may contain other data.

    Users that a step creates or gives an SSH key or a password stay, and those in `seal: {keep-users: […]}`.
    """

    keep: tuple[str, ...] = ()

    def key(self) -> Any:
        return [*super().key(), sorted(self.keep)]

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        for name, home in self._users_to_remove(guest).items():
            guest.run(f"userdel --force {shlex.quote(name)}")
            # userdel would not remove a home folder of another owner, and would warn about missing mail.
            if home.startswith("/home/") and posixpath.normpath(home) != "/home":
                guest.remove(home)
            guest.remove(f"/var/mail/{name}", f"/var/spool/mail/{name}")
        # userdel makes backups of the databases, which still list the removed users.
        guest.remove(*(backup for backup in BACKUPS if backup not in tree))

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        left = self._users_to_remove(guest)
        yield Finding(not left, f"not removed: {shorten(left)}" if left else "all removed")

    def _users_to_remove(self, guest: Guest) -> dict[str, str]:
        """Return the users to remove and their home folders."""
        text = guest.read(LOGIN_DEFS) if guest.is_file(LOGIN_DEFS) else ""
        settings = dict(re.findall(r"^\s*(UID_MIN|UID_MAX)\s+(\d+)", text, re.MULTILINE))
        lowest, highest = (
            int(settings.get(name, default)) for name, default in zip(("UID_MIN", "UID_MAX"), RANGE, strict=True)
        )
        return {
            name: fields[5]
            for name, fields in guest.users().items()
            if lowest <= int(fields[2]) <= highest and name not in self.keep
        }


USER_ACCOUNT = UserAccountOperation("user-account", "Remove user accounts, but not system accounts.", default=False)
