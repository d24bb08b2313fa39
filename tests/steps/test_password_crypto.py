from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.errors import CommandError
from builder.guest.guest import Guest
from builder.recipe import load
from builder.steps import Step
from builder.steps.password_crypto import PasswordCrypto, set_crypto
from builder.steps.root_password import RootPassword
from builder.steps.user import User
from tests.steps.test_root_password import shadow

RECIPE = """\
name: web
base: {bootstrap: {distribution: debian, release: bookworm}}
steps:
  - root-password: random
  - password-crypto: md5
  - password: {user: one, password: random}
  - password: {user: two, password: random, crypto: yescrypt}
  - password: {user: three, password: locked}
  - password-crypto: sha256
"""


def test_shapes() -> None:
    assert PasswordCrypto.model_validate("sha512").title == "password-crypto sha512"
    for wrong in ("des", "SHA512", "", 512):
        with pytest.raises(ValidationError, match="sha256"):
            PasswordCrypto.model_validate(wrong)


def test_a_recipe_sets_it_in_password_steps(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(RECIPE)
    recipe = load(tmp_path / "web.yaml")
    chosen = [step.crypto for step in recipe.steps if isinstance(step, RootPassword)]
    assert chosen == ["sha256", "sha256", "yescrypt", None]
    assert recipe.where(recipe.steps[2]).endswith("web.yaml:6:5")


def test_without_the_step_nothing_is_set() -> None:
    steps: tuple[Step, ...] = (RootPassword(password="random"), User(name="one"))
    assert set_crypto(steps) == steps


@pytest.mark.slow
def test_password_crypto(guest: Guest) -> None:
    for crypto, prefix in (("md5", "$1$"), ("sha256", "$5$"), ("sha512", "$6$"), ("yescrypt", "$y$")):
        choice = PasswordCrypto.model_validate(crypto)
        choice.apply(guest)
        assert list(choice.check(guest)) == []
        step = set_crypto((choice, RootPassword(password="random")))[1]
        assert not all(finding.ok for finding in step.check(guest))
        step.apply(guest)
        assert shadow(guest).startswith(prefix)
        assert all(finding.ok for finding in step.check(guest))

    # A guest whose tools do not support the hash.
    chpasswd = guest.read_bytes("/usr/sbin/chpasswd")
    guest.write("/usr/sbin/chpasswd", chpasswd.replace(b"YESCRYPT", b"yescrypt"))
    with pytest.raises(CommandError) as caught:
        PasswordCrypto.model_validate("yescrypt").apply(guest)
    assert "YESCRYPT" in str(caught.value)
