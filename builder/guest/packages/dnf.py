"""dnf, and dnf5 under that name."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import ClassVar

from builder.errors import CommandError
from builder.guest.packages.rpm import Rpm

NO_KEYS = "You have enabled checking of packages via GPG keys"
REASON = 10
HINT = "the guest trusts no key for that package: give the repository's `key:`, or `gpg-key:` in an earlier step"


class Dnf(Rpm):
    """dnf, as the guest has it configured, but without questions; signatures are checked where it says so."""

    repositories = "/etc/yum.repos.d"
    program: ClassVar[str] = "dnf"
    upgrade: ClassVar[str] = "upgrade"

    def refresh(self) -> None:
        if self.guest.index is None:
            self._fetch_index()
            self.guest.index = self._indexes(self._cache)
        self.guest.observe(self.guest.index)

    def _fetch_index(self) -> None:
        # Without --refresh an index that was fetched within two days passes for new.
        self._do("--refresh makecache")

    def install(self, names: Iterable[str]) -> None:
        self.refresh()
        self._do("install", names)

    def install_command(self, names: Iterable[str]) -> str:
        return f"{self.program} -y install {shlex.join(names)}"

    def remove(self, names: Iterable[str]) -> None:
        self._do("remove", names)

    def update(self) -> None:
        self.refresh()
        self._do(self.upgrade)

    @property
    def _cache(self) -> str:
        """Where indexes and packages are kept: outside of the guest's disk, if this host has a package cache."""
        return self.guest.package_cache(self.program) or f"/var/cache/{self.program}"

    def _do(self, action: str, names: Iterable[str] = ()) -> str:
        # A repository that cannot be reached is an error, whatever the guest would make of it.
        options = ["-y", "--setopt=*.skip_if_unavailable=0"]
        if self.guest.package_cache(self.program):
            options += [f"--setopt=cachedir={self._cache}", "--setopt=keepcache=1"]
        if self.guest.has_media:
            options += [f"--setopt=reposdir={self.media_folder()}"]
        try:
            return self.guest.run(" ".join([self.program, *options, action, *(shlex.quote(name) for name in names)]))
        except CommandError as error:
            if NO_KEYS in error.output:
                # Behind its reason dnf prints all that it knows of the repository, for pages.
                reason = "\n".join(error.output[error.output.index(NO_KEYS) :].splitlines()[:REASON])
                raise CommandError(error.command, error.status, reason, place=" in the guest", hint=HINT) from error
            if "Public key for" in error.output:
                error.hint = HINT
            raise
