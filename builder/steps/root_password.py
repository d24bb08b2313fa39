from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from builder.events import Notice
from builder.findings import Finding
from builder.guest import passwords
from builder.guest.guest import Guest
from builder.guest.passwords import Crypto
from builder.inputs import InputFile, KeyContext, Secret
from builder.steps.step import Step, compare

Form = Literal["random", "disabled", "locked"]

LENGTH = 20
"""Length of a random password in characters, with 119 bits of entropy."""


def _check_form(value: Any) -> Any:
    # The message must not contain the value, which may be a password.
    if value not in get_args(Form):
        raise ValueError(
            "must be random, disabled, locked, {env: NAME} or {file: PATH}; a recipe must not contain a password"
        )
    return value


class RootPassword(
    Step,
    name="root-password",
    version=1,
    shorthand="password",
    late=True,
    example="root-password: {env: ROOT_PASSWORD}",
):
    """Set, lock or disable root's password.

    - `{env: NAME}` or `{file: PATH}` sets the password.
    - `random` sets a random password. golden shows it once, in the build that runs the step, and does
      not store it. A later build that reuses the step from the cache cannot show it again.
    - `locked` locks the current password; `passwd -u` unlocks it.
    - `disabled` replaces the password with one that never matches.

    Login with an SSH key (`ssh-inject`) still works in all cases.
    """

    # Excluded from the serialized step: `key_options` contains a keyed digest of the password instead.
    env: str | None = Field(default=None, exclude=True, description="Environment variable that holds the password.")
    file: InputFile | None = Field(default=None, exclude=True, description="File whose first line is the password.")
    password: Annotated[Form, BeforeValidator(_check_form)] | None = Field(
        default=None, description="Instead of `env` or `file`: `random`, `disabled` or `locked`."
    )
    crypto: Crypto | None = Field(
        default=None,
        description="The hash algorithm. The default is that of `password-crypto`, or else the guest's own.",
    )

    @model_validator(mode="after")
    def _check_usable(self) -> RootPassword:
        if sum(source is not None for source in (self.env, self.file, self.password)) != 1:
            raise ValueError("set exactly one of env, file and password")
        if self.crypto and self.password in ("disabled", "locked"):
            raise ValueError(f"cannot combine crypto with {self.password}, which hashes no password")
        if self.password is None:
            self._reveal()
        return self

    @property
    def title(self) -> str:
        return f"{self.step_name} {self.password or ''}".rstrip()

    @property
    def _user(self) -> str:
        return "root"

    def key_options(self, context: KeyContext) -> dict[str, Any]:
        options = {name: value for name, value in super().key_options(context).items() if value is not None}
        return options if self.password else {**options, "password": {"secret": self._secret.key(context)}}

    @property
    def _secret(self) -> Secret:
        return Secret(env=self.env, file=self.file)

    @property
    def _source(self) -> str:
        return str(self.file) if self.file else f"the environment variable {self.env}"

    def _reveal(self) -> str:
        """Return the password. Raises ValueError, which never contains it, if it is not one line of text."""
        try:
            password = self._secret.reveal()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"cannot read the password from {self._source}") from None
        if not password:
            raise ValueError(f"the password in {self._source} is empty")
        if any(character in password for character in "\n\r\0"):
            raise ValueError(f"the password in {self._source} must be one line")
        return password

    def kept_users(self) -> Iterable[str]:
        yield self._user

    def apply(self, guest: Guest) -> None:
        passwords.require_user(guest, self._user)
        if self.password == "locked":
            passwords.lock(guest, self._user)
        elif self.password == "disabled":
            passwords.disable(guest, self._user)
        elif self.password == "random":
            alphabet = string.ascii_letters + string.digits
            password = "".join(secrets.choice(alphabet) for _ in range(LENGTH))
            passwords.change(guest, self._user, password, self.crypto)
            message = f"{self._user}'s password is {password} (shown only once, not stored)"
            guest.emit(Notice(message, warning=True))
        else:
            passwords.change(guest, self._user, self._reveal(), self.crypto)

    def check(self, guest: Guest) -> Iterator[Finding]:
        hashed = passwords.find_hash(guest, self._user)
        now = passwords.state(hashed)
        wanted = self.password if self.password in ("locked", "disabled") else "set"
        yield compare(f"{self._user}'s password is", now, wanted)
        if self.crypto:
            correct = hashed.startswith(passwords.PREFIXES[self.crypto])
            yield Finding(correct, f"{self._user}'s password is {'' if correct else 'not '}hashed with {self.crypto}")
