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
from builder.steps.step import Step, compare

DEFAULTS: dict[Family, str] = {
    "debian": "/etc/default/locale",
    "redhat": "/etc/locale.conf",
    "suse": "/etc/locale.conf",
}
WANTED = "/etc/locale.gen"
SUPPORTED = "/usr/share/i18n/SUPPORTED"
BUILT_IN = frozenset({"C", "POSIX", "C.UTF-8"})
"""Locales that are part of libc and need not be generated."""


class Locale(
    Step,
    name="locale",
    version=1,
    takes_packages=True,
    shorthand="locale",
    example="locale: en_US.UTF-8",
):
    """Set the system locale, and generate or install it if it is missing."""

    locale: Annotated[
        str,
        Matching(
            r"^(C|POSIX|C\.UTF-8|[a-z]{2,3}(_[A-Z]{2})?(\.[A-Za-z0-9-]+)?(@[a-z]+)?)$",
            "must be the name of a locale, such as en_US.UTF-8 or C.UTF-8",
        ),
    ] = Field(description="Name of the locale with its character set, as in en_US.UTF-8.")

    def apply(self, guest: Guest) -> None:
        if guest.info.family == "debian":
            self._generate(guest)
        elif not self._is_available(guest):
            package = self._package(guest)
            packages.of(guest).install([package])
            if not self._is_available(guest):
                raise GuestError(
                    f"the package {package} does not contain the locale {self.locale}",
                    hint="run `locale -a` on a system of the same release, and use one of the names that it lists",
                )
        path = DEFAULTS[guest.info.family]
        now = guest.read(path) if guest.is_file(path) else ""
        # LC_ALL would override LANG.
        kept = [line for line in now.splitlines() if not re.match(r"\s*(LANG|LC_ALL)=", line)]
        guest.write(path, "\n".join([*kept, f"LANG={self.locale}"]) + "\n", mode=0o644)

    def _package(self, guest: Guest) -> str:
        """Return the rpm package that contains the locale. Raises GuestError if no package does."""
        info = guest.info
        if info.family == "suse":
            return "glibc-locale"
        if info.distribution != "fedora" and info.major < 8:
            # On EL 7, glibc-common contains all locales and is always installed, but locales may have been deleted.
            raise GuestError(
                f"the guest has no locale {self.locale}, although glibc-common contains all locales",
                hint="correct the name; or, if locales were deleted, "
                "add `run-command: yum -y reinstall glibc-common` before this step",
            )
        return f"glibc-langpack-{re.split(r'[_.@]', self.locale)[0]}"

    def _generate(self, guest: Guest) -> None:
        """Generate the locale with Debian's locale-gen."""
        if self.locale not in BUILT_IN:
            if not guest.is_file("/usr/sbin/locale-gen"):
                packages.of(guest).install(["locales"])
            line = self._supported_line(guest)
            wanted = guest.read(WANTED) if guest.is_file(WANTED) else ""
            guest.write(WANTED, enable(wanted, line))
            guest.run("locale-gen --keep-existing")

    def _is_available(self, guest: Guest) -> bool:
        return stored_name(self.locale) in guest.query("locale -a").split()

    def check(self, guest: Guest) -> Iterator[Finding]:
        path = DEFAULTS[guest.info.family]
        text = guest.read(path) if guest.is_file(path) else ""
        languages = re.findall(r"^\s*LANG=[\"']?([^\"'\s]*)", text, re.MULTILINE)
        now = languages[-1] if languages else "not set"
        yield compare("LANG is", now, self.locale)
        if self.locale not in BUILT_IN:
            available = self._is_available(guest)
            yield Finding(available, f"the locale {self.locale} is {'' if available else 'not '}available")

    def _supported_line(self, guest: Guest) -> str:
        """Return the locale's line in the guest's list of locales. Raises GuestError, with the closest name as hint."""
        lines = {line.split()[0]: line.strip() for line in guest.read(SUPPORTED).splitlines() if line.strip()}
        if self.locale not in lines:
            near = difflib.get_close_matches(self.locale, lines, n=1)
            raise GuestError(
                f"this release has no locale {self.locale}",
                hint=f"use one that {SUPPORTED} lists" + (f", such as {near[0]}" if near else ""),
            )
        return lines[self.locale]


def enable(text: str, line: str) -> str:
    """Return the text of /etc/locale.gen with the line of a locale enabled."""
    pattern = re.compile(rf"^[# \t]*{re.escape(line)}[ \t]*$", re.MULTILINE)
    if pattern.search(text):
        return pattern.sub(line, text, count=1)
    return text + ("" if text.endswith("\n") or not text else "\n") + line + "\n"


def stored_name(locale: str) -> str:
    """Return a locale's name as `locale -a` prints it, with a character set such as `utf8` or `iso88591`."""
    name, dot, rest = locale.partition(".")
    codeset, at, modifier = rest.partition("@")
    codeset = re.sub(r"[^a-z0-9]", "", codeset.lower())
    return name + dot + (f"iso{codeset}" if codeset.isdigit() else codeset) + at + modifier
