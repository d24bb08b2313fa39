from __future__ import annotations

import secrets
import string
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from builder.events import Notice
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import Secret, SecretValue, Step

Form = Literal["random", "disabled", "locked"]

HANDED_IN = "golden-secret"
LENGTH = 20
"""Characters of a random password: 119 bits."""


def _kind(value: Any) -> str:
    return "secret" if isinstance(value, dict | Secret) else "form"


class RootPassword(
    Step,
    name="root-password",
    version=1,
    shorthand="password",
    late=True,
    example="root-password: {env: ROOT_PASSWORD}",
):
    """Set, lock or disable root's password.

    `{env: NAME}` or `{file: PATH}` set it. `random` sets one that is shown once, when the step runs,
    and stored nowhere. `locked` puts a lock before the password that there is: `passwd -u` restores
    it. `disabled` replaces it by one that nothing matches. Keys (`ssh-inject`) let root in all the same.
    """

    password: Annotated[Annotated[Form, Tag("form")] | Annotated[SecretValue, Tag("secret")], Discriminator(_kind)] = (
        Field(description="`{env: NAME}`, `{file: PATH}`, `random`, `disabled` or `locked`.")
    )

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, value: Any) -> Any:
        """The secret's own map stands for the whole step, as a plain word does."""
        return value if isinstance(value, dict) and "password" in value else {"password": value}

    @model_validator(mode="after")
    def _usable(self) -> RootPassword:
        if isinstance(self.password, Secret):
            reveal(self.password)
        return self

    def apply(self, guest: Guest) -> None:
        if self.password == "locked":
            guest.run("usermod --lock root")
        elif self.password == "disabled":
            guest.run("usermod --password '*' root")
        elif self.password == "random":
            alphabet = string.ascii_letters + string.digits
            password = "".join(secrets.choice(alphabet) for _ in range(LENGTH))
            change(guest, password)
            guest.emit(Notice(f"root's password is {password} (shown this once, and stored nowhere)", warning=True))
        else:
            change(guest, reveal(self.password))

    def check(self, guest: Guest) -> Iterator[Finding]:
        lines = (line.split(":") for line in guest.read("/etc/shadow").splitlines())
        field = next((fields[1] for fields in lines if fields[0] == "root"), "")
        if field.startswith("!"):
            now = "locked"
        elif field.startswith("$"):
            now = "set"
        else:
            now = "disabled" if field else "empty"
        wanted = self.password if self.password in ("locked", "disabled") else "set"
        yield Finding(now == wanted, f"root's password is {now}")


def reveal(secret: Secret) -> str:
    """The password. Raises ValueError, without a word of it, for what no login prompt could be given."""
    try:
        password = secret.reveal()
    except (OSError, UnicodeDecodeError):
        raise ValueError("the password cannot be read") from None
    if not password:
        raise ValueError("the password is empty")
    if any(character in password for character in "\n\r\0"):
        raise ValueError("the password must be one line")
    return password


def change(guest: Guest, password: str) -> None:
    """Set root's password, hashed as the guest itself hashes. The text never is part of a command or on a disk."""
    path = guest.appliance.hand_in(f"root:{password}\n".encode(), HANDED_IN)
    try:
        guest.run(f"chpasswd < {path}")
    finally:
        guest.appliance.shell(f"rm -f {path}")
