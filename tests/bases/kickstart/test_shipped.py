"""The shipped answer files are valid in the syntax of their release, with every combination of options."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from builder.bases import KickstartBase
from builder.bases.base import Firmware
from builder.inputs import RecipeContext

SHIPPED = Path(__file__).parents[3] / "kickstart"

SOURCES: list[dict[str, Any]] = [{"tree": "http://127.0.0.1:8000/os/dists/bookworm"}, {"iso": "README.md"}]
WORD = "two words, a \" and a '"


def rendered(file: Path, options: dict[str, Any], firmware: Firmware = "bios") -> str:
    """The rendered text for an installer; fails if it has a problem."""
    base = KickstartBase.model_validate({"kickstart": {"file": file.name, **options}}, context=RecipeContext(SHIPPED))
    assert [str(problem) for problem in base.find_problems(firmware)] == []
    secrets = {name: secret.reveal() for name, secret in base.kickstart.secrets.items()}
    answers = base.answers.render(secrets, firmware, base.kickstart.address)
    assert [str(problem) for problem in base.answers.find_problems(answers)] == []
    assert answers.places is not None
    return answers.text


FILES = sorted(SHIPPED.glob("*.j2"))


def test_they_exist() -> None:
    assert [file.name for file in FILES] == ["almalinux9.ks.j2", "centos7.ks.j2", "debian-12.preseed.j2"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_combination_of_options(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", WORD)
    more = {"packages": ["lftp", "less"], "repositories": {"extra": "http://host/extra"}}
    firmwares: list[Firmware] = ["bios", "uefi"]
    secrets: list[dict[str, Any]] = [{}, {"root_password": {"env": "WORD"}}]
    variables: list[dict[str, Any]] = [{}, more]
    for source, secret, values, firmware in itertools.product(SOURCES, secrets, variables, firmwares):
        text = rendered(file, {**source, "secrets": secret, "vars": values}, firmware)
        assert ("10.0.2.2:8000" in text) is ("tree" in source)
        assert ("lftp" in text) is bool(values)
        assert ("two words" in text) is bool(secret)
        assert ("efi" in text) is (firmware == "uefi")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_they_suit_templates(file: Path) -> None:
    text = rendered(file, SOURCES[0])
    assert "swap" not in "".join(line for line in text.splitlines() if line.startswith("part "))
    assert "console=ttyS0" in text
    assert "poweroff" in text
    assert ("rootpw --lock" in text) or ("root-password-crypted password !\n" in text)
    assert text.count("\npart ") == (0 if "preseed" in file.name else 1)


def test_every_shipped_variable_is_explained() -> None:
    readme = (SHIPPED / "README.md").read_text()
    for word in ("tree", "disk", "firmware", "secrets", "packages", "repositories", "lang", "timezone", "quote"):
        assert f"`{word}" in readme or f"| {word}" in readme, word
