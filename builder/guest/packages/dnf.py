"""dnf, including dnf5 under the same name."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import ClassVar

from builder.errors import CommandError
from builder.guest.packages.rpm import Rpm

NO_KEYS = "You have enabled checking of packages via GPG keys"
REASON = 10
HINT = "add `key:` to the `repo:` step, or a `gpg-key:` step before it: the guest does not trust the package's key"


class Dnf(Rpm):
    """dnf with the guest's own configuration. It asks no questions, and checks signatures if the guest requires it."""

    repositories = "/etc/yum.repos.d"
    program: ClassVar[str] = "dnf"
    upgrade: ClassVar[str] = "upgrade"

    def refresh(self) -> None:
        if self.guest.index is None:
            self._fetch_index()
            self.guest.index = self._indexes(self._cache)
        self.guest.observe(self.guest.index)

    def _fetch_index(self) -> None:
        # Without --refresh, dnf uses an index of up to two days.
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
        """The folder of indexes and packages: in the package cache if there is one, else on the guest's disk."""
        return self.guest.package_cache(self.program) or f"/var/cache/{self.program}"

    def _do(self, action: str, names: Iterable[str] = ()) -> str:
        # An unreachable repository is an error, even if the guest is configured to skip it.
        options = ["-y", "--setopt=*.skip_if_unavailable=0"]
        if self.guest.package_cache(self.program):
            options += [f"--setopt=cachedir={self._cache}", "--setopt=keepcache=1"]
        if self.guest.has_media:
            options += [f"--setopt=reposdir={self.media_folder()}"]
        try:
            return self.guest.run(" ".join([self.program, *options, action, *(shlex.quote(name) for name in names)]))
        except CommandError as error:
            if NO_KEYS in error.output:
                # After the reason, dnf prints pages of details about the repository.
                reason = "\n".join(error.output[error.output.index(NO_KEYS) :].splitlines()[:REASON])
                raise CommandError(error.command, error.status, reason, place=" in the guest", hint=HINT) from error
            if "Public key for" in error.output:
                error.hint = HINT
            raise
