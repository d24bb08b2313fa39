from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.guest.info import Family
from builder.inputs import Matching
from builder.steps.step import Step

DEFAULTS: dict[Family, str] = {
    "debian": "/etc/default/locale",
    "redhat": "/etc/locale.conf",
    "suse": "/etc/locale.conf",
}
WANTED = "/etc/locale.gen"
SUPPORTED = "/usr/share/i18n/SUPPORTED"
BUILT_IN = frozenset({"C", "POSIX", "C.UTF-8"})
"""The locales of libc itself: nothing to generate."""


class Locale(
    Step,
    name="locale",
    version=1,
    takes_packages=True,
    shorthand="locale",
    example="locale: en_US.UTF-8",
):
    """Set the system's language and character set, generating the locale where it is missing."""

    locale: Annotated[
        str,
        Matching(
            r"^(C|POSIX|C\.UTF-8|[a-z]{2,3}(_[A-Z]{2})?(\.[A-Za-z0-9-]+)?(@[a-z]+)?)$",
            "must be the name of a locale, such as en_US.UTF-8 or C",
        ),
    ] = Field(description="Name of the locale, with its character set.")

    def apply(self, guest: Guest) -> None:
        if guest.info.family == "debian":
            self._generate(guest)
        elif not self._is_there(guest):
            package = self._package(guest)
            packages.of(guest).install([package])
            if not self._is_there(guest):
                raise GuestError(f"the guest has no locale {self.locale}, not even with {package}")
        path = DEFAULTS[guest.info.family]
        now = guest.read(path) if guest.is_file(path) else ""
        # LC_ALL would override LANG.
        kept = [line for line in now.splitlines() if not re.match(r"\s*(LANG|LC_ALL)=", line)]
        guest.write(path, "\n".join([*kept, f"LANG={self.locale}"]) + "\n", mode=0o644)

    def _package(self, guest: Guest) -> str:
        """The package that brings the locale to a guest with rpm. Raises GuestError where there is none to add."""
        info = guest.info
        if info.family == "suse":
            return "glibc-locale"
        if info.distribution != "fedora" and info.major < 8:
            # EL 7 has all of them in one package, which every guest has; an administrator may have taken some away.
            raise GuestError(
                f"the guest has no locale {self.locale}", hint="`run-command: yum -y reinstall glibc-common` brings all"
            )
        return f"glibc-langpack-{re.split(r'[_.@]', self.locale)[0]}"

    def _generate(self, guest: Guest) -> None:
        """Have Debian's locale-gen make the locale."""
        if self.locale not in BUILT_IN:
            if not guest.is_file("/usr/sbin/locale-gen"):
                packages.of(guest).install(["locales"])
            line = self._find_supported(guest)
            wanted = guest.read(WANTED) if guest.is_file(WANTED) else ""
            guest.write(WANTED, enable(wanted, line))
            guest.run("locale-gen --keep-existing")

    def _is_there(self, guest: Guest) -> bool:
        return stored_name(self.locale) in guest.ask("locale -a").split()

    def check(self, guest: Guest) -> Iterator[Finding]:
        path = DEFAULTS[guest.info.family]
        text = guest.read(path) if guest.is_file(path) else ""
        languages = re.findall(r"^\s*LANG=[\"']?([^\"'\s]*)", text, re.MULTILINE)
        now = languages[-1] if languages else "not set"
        yield Finding(now == self.locale, f"LANG is {now}")
        if self.locale not in BUILT_IN:
            there = self._is_there(guest)
            yield Finding(there, f"the locale {self.locale} is {'' if there else 'not '}there")

    def _find_supported(self, guest: Guest) -> str:
        """The locale's line in the guest's list. Raises GuestError with the nearest name."""
        lines = {line.split()[0]: line.strip() for line in guest.read(SUPPORTED).splitlines() if line.strip()}
        if self.locale not in lines:
            near = difflib.get_close_matches(self.locale, lines, n=1)
            raise GuestError(
                f"the guest knows no locale {self.locale}", hint=f"did you mean {near[0]}?" if near else None
            )
        return lines[self.locale]


def enable(text: str, line: str) -> str:
    """/etc/locale.gen with a locale's line in force."""
    pattern = re.compile(rf"^[# \t]*{re.escape(line)}[ \t]*$", re.MULTILINE)
    if pattern.search(text):
        return pattern.sub(line, text, count=1)
    return text + ("" if text.endswith("\n") or not text else "\n") + line + "\n"


def stored_name(locale: str) -> str:
    """A locale's name as `locale -a` says it: the character set in small letters and digits (`utf8`, `iso88591`)."""
    name, dot, rest = locale.partition(".")
    codeset, at, modifier = rest.partition("@")
    codeset = re.sub(r"[^a-z0-9]", "", codeset.lower())
    return name + dot + (f"iso{codeset}" if codeset.isdigit() else codeset) + at + modifier
