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
    """Set the hash algorithm for the recipe's passwords.

    It applies to every password step without its own `crypto`. Without this step, the guest's default
    is used: yescrypt on Fedora and on Debian 11 and later, sha512 on EL. Change it only for programs
    that read the hashes.
    """

    crypto: Crypto = Field(
        description="The algorithm. yescrypt is the strongest; md5 is weak and only for old programs."
    )

    def apply(self, guest: Guest) -> None:
        """Raise GuestError if the guest does not support the algorithm. The passwords are set later."""
        passwords.require_crypto(guest, self.crypto)

    def check(self, guest: Guest) -> Iterator[Finding]:
        """Yield nothing: the steps that set passwords check the algorithm."""
        return iter(())


def set_crypto(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps, with the algorithm of the last password-crypto step set in every password step without one."""
    chosen = [step.crypto for step in steps if isinstance(step, PasswordCrypto)]
    return tuple(
        step.model_copy(update={"crypto": chosen[-1]}) if chosen and _needs_crypto(step) else step for step in steps
    )


def _needs_crypto(step: Step) -> bool:
    return isinstance(step, RootPassword) and step.crypto is None and step.password not in ("disabled", "locked")
