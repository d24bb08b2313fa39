"""Users' passwords, set and locked by the guest's own tools."""

from __future__ import annotations

import shlex
from typing import Literal

from builder.errors import GuestError
from builder.guest.guest import Guest

Crypto = Literal["md5", "sha256", "sha512", "yescrypt"]
"""How a password is hashed, by virt-customize's names and libcrypt's."""

PREFIXES: dict[Crypto, str] = {"md5": "$1$", "sha256": "$5$", "sha512": "$6$", "yescrypt": "$y$"}
"""What a hash begins with, in /etc/shadow."""

PASSWORD_FILE = "golden-secret"


def require_user(guest: Guest, user: str) -> None:
    """Raises GuestError for a user that the guest has not."""
    if user not in guest.users():
        raise GuestError(f"the guest has no user {user}", hint="add the user in an earlier step")


def change(guest: Guest, user: str, password: str, crypto: Crypto | None = None) -> None:
    """Set a user's password, hashed as the guest by itself would, unless `crypto` says how.

    The text never is part of a command or on a disk. Raises CommandError.
    """
    path = guest.appliance.upload_to_memory(f"{user}:{password}\n".encode(), PASSWORD_FILE)
    try:
        guest.run(f"{_chpasswd(crypto)} <{path}")
    finally:
        guest.appliance.shell(f"rm -f {path}")


def require_crypto(guest: Guest, crypto: Crypto) -> None:
    """Raises CommandError for a hash that the guest's own tools do not know."""
    guest.run(f"{_chpasswd(crypto)} </dev/null")


def _chpasswd(crypto: Crypto | None) -> str:
    # Without the option chpasswd asks PAM, as passwd does, or goes by /etc/login.defs.
    return f"chpasswd -c {crypto.upper()}" if crypto else "chpasswd"


def lock(guest: Guest, user: str) -> None:
    """Put a lock before the password that there is."""
    guest.run(f"usermod --lock {shlex.quote(user)}")


def disable(guest: Guest, user: str) -> None:
    """Replace the password by one that nothing matches."""
    guest.run(f"usermod --password '*' {shlex.quote(user)}")


def find_hash(guest: Guest, user: str) -> str:
    """The user's password as /etc/shadow has it; empty where there is none."""
    lines = (line.split(":") for line in guest.read("/etc/shadow").splitlines())
    return next((fields[1] for fields in lines if fields[0] == user and len(fields) > 1), "")


def state(hashed: str) -> str:
    """What /etc/shadow says of a password: set, locked, disabled or empty."""
    if hashed.startswith("!"):
        return "locked"
    if hashed.startswith("$"):
        return "set"
    return "disabled" if hashed else "empty"
