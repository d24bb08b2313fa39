from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from builder.findings import Finding
from builder.guest import passwords
from builder.guest.guest import Guest
from builder.guest.passwords import Crypto
from builder.steps.root_password import RootPassword
from builder.steps.step import Step


class PasswordCrypto(Step, name="password-crypto", version=1, shorthand="crypto", example="password-crypto: sha512"):
    """Choose how the recipe's passwords are hashed, all that have no `crypto` of their own.

    Without this step each guest hashes as it would by itself: yescrypt on Debian since 11 and on
    Fedora, sha512 on EL. Choose otherwise for the sake of programs that read the hashes.
    """

    crypto: Crypto = Field(description="The hash: yescrypt is the strongest, md5 a weak one for very old programs.")

    def apply(self, guest: Guest) -> None:
        """The passwords come later; a guest that cannot hash so is refused now."""
        passwords.require_crypto(guest, self.crypto)

    def check(self, guest: Guest) -> Iterator[Finding]:
        """The steps that set passwords prove it."""
        return iter(())


def hand_on(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Steps of which those that set a password know how to hash it; of several choices the last one counts."""
    chosen = [step.crypto for step in steps if isinstance(step, PasswordCrypto)]
    return tuple(
        step.model_copy(update={"crypto": chosen[-1]}) if chosen and _is_open(step) else step for step in steps
    )


def _is_open(step: Step) -> bool:
    return isinstance(step, RootPassword) and step.crypto is None and step.password not in ("disabled", "locked")
