"""Set, lock and disable users' passwords with the guest's own tools."""

from __future__ import annotations

import shlex
from typing import Literal

from builder.errors import GuestError
from builder.guest.guest import Guest

Crypto = Literal["md5", "sha256", "sha512", "yescrypt"]
"""A password hash method: virt-customize's names, and libcrypt's."""

PREFIXES: dict[Crypto, str] = {"md5": "$1$", "sha256": "$5$", "sha512": "$6$", "yescrypt": "$y$"}
"""The prefix of a hash in /etc/shadow."""

PASSWORD_FILE = "golden-secret"


def require_user(guest: Guest, user: str) -> None:
    """Raise GuestError if the guest has no such user."""
    if user not in guest.users():
        raise GuestError(f"the guest has no user {user}", hint="create the user in an earlier `user:` step")


def change(guest: Guest, user: str, password: str, crypto: Crypto | None = None) -> None:
    """Set a user's password. Without `crypto`, the guest chooses the hash method.

    The password is never part of a command and never on a disk. Raises CommandError.
    """
    path = guest.appliance.upload_to_memory(f"{user}:{password}\n".encode(), PASSWORD_FILE)
    try:
        guest.run(f"{_chpasswd(crypto)} <{path}")
    finally:
        guest.appliance.shell(f"rm -f {path}")


def require_crypto(guest: Guest, crypto: Crypto) -> None:
    """Raise CommandError if the guest's tools do not support that hash method."""
    guest.run(f"{_chpasswd(crypto)} </dev/null")


def _chpasswd(crypto: Crypto | None) -> str:
    # Without the option, chpasswd uses PAM, as passwd does, or /etc/login.defs.
    return f"chpasswd -c {crypto.upper()}" if crypto else "chpasswd"


def lock(guest: Guest, user: str) -> None:
    """Lock a user's password; unlocking restores it."""
    guest.run(f"usermod --lock {shlex.quote(user)}")


def disable(guest: Guest, user: str) -> None:
    """Replace a user's password by one that matches nothing."""
    guest.run(f"usermod --password '*' {shlex.quote(user)}")


def find_hash(guest: Guest, user: str) -> str:
    """The user's password field in /etc/shadow; empty if there is none."""
    lines = (line.split(":") for line in guest.read("/etc/shadow").splitlines())
    return next((fields[1] for fields in lines if fields[0] == user and len(fields) > 1), "")


def state(hashed: str) -> str:
    """The state of a password field from /etc/shadow: set, locked, disabled or empty."""
    if hashed.startswith("!"):
        return "locked"
    if hashed.startswith("$"):
        return "set"
    return "disabled" if hashed else "empty"
