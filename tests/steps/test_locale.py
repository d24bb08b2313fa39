from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.locale import Locale, enable, stored_name


@pytest.mark.parametrize("name", ["en_US.UTF-8", "de_DE@euro", "ca_ES.UTF-8@valencia", "C", "C.UTF-8", "POSIX", "eo"])
def test_names(name: str) -> None:
    assert Locale.model_validate(name).title == f"locale {name}"


@pytest.mark.parametrize("name", ["", "en_US.UTF-8; rm", "english", "en_us", "../C", "en_US.UTF-8\n"])
def test_refused_names(name: str) -> None:
    with pytest.raises(ValidationError):
        Locale.model_validate(name)


def test_stored_name() -> None:
    # As `locale -a` prints them.
    assert stored_name("en_US.UTF-8") == "en_US.utf8"
    assert stored_name("en_US.ISO-8859-15") == "en_US.iso885915"
    assert stored_name("zh_CN.GB18030") == "zh_CN.gb18030"
    assert stored_name("ru_RU.CP1251") == "ru_RU.cp1251"
    assert stored_name("de_DE@euro") == "de_DE@euro"
    assert stored_name("ca_ES.UTF-8@valencia") == "ca_ES.utf8@valencia"


def test_enable() -> None:
    text = "# list\n#\n# en_US ISO-8859-1\n# en_US.UTF-8 UTF-8\n"
    once = "# list\n#\n# en_US ISO-8859-1\nen_US.UTF-8 UTF-8\n"
    assert enable(text, "en_US.UTF-8 UTF-8") == once
    assert enable(once, "en_US.UTF-8 UTF-8") == once
    assert enable("#\n# eo UTF-8\n", "eo UTF-8") == "#\neo UTF-8\n"
    assert enable("", "eo UTF-8") == "eo UTF-8\n"
    assert enable("a", "eo UTF-8") == "a\neo UTF-8\n"


@pytest.mark.slow
def test_locale(guest: Guest) -> None:
    with pytest.raises(GuestError, match="no locale en_UK") as caught:
        Locale(locale="en_UK.UTF-8").apply(guest)
    assert ", such as en_" in str(caught.value.hint)

    guest.write("/etc/default/locale", "# header\nLANG=C\nLC_ALL=C\nLC_TIME=C\n")
    step = Locale(locale="en_US.UTF-8")
    assert [finding.message for finding in step.check(guest) if not finding.ok] == [
        "LANG is C (expected en_US.UTF-8)",
        "the locale en_US.UTF-8 is not available",
    ]
    step.apply(guest)
    assert guest.read("/etc/default/locale") == "# header\nLC_TIME=C\nLANG=en_US.UTF-8\n"
    assert guest.query("LC_ALL=en_US.UTF-8 locale charmap") == "UTF-8"
    assert all(finding.ok for finding in step.check(guest))

    Locale(locale="C.UTF-8").apply(guest)
    assert guest.read("/etc/default/locale") == "# header\nLC_TIME=C\nLANG=C.UTF-8\n"
    assert all(finding.ok for finding in Locale(locale="C.UTF-8").check(guest))
