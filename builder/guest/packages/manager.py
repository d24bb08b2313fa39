"""The interface of a guest's package manager for steps."""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from builder.guest.guest import Guest


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """An installed package.

    `source` is the source package with its version, `supplier` its maintainer or vendor, and `license` the text from
    the package database; they are empty if the database has no value, and do not count when packages are compared.
    """

    name: str
    version: str
    arch: str
    source: str = field(default="", compare=False)
    supplier: str = field(default="", compare=False)
    license: str = field(default="", compare=False)


class PackageManager(ABC):
    """Installs and removes packages in one guest. Its methods raise CommandError with the manager's output."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    @abstractmethod
    def refresh(self) -> None:
        """Fetch the package indexes, once per session and again after `forget_index`."""

    def forget_index(self) -> None:
        """Make the next `refresh` fetch again, because the repositories have changed."""
        self.guest.index = None

    @abstractmethod
    def install(self, names: Iterable[str]) -> None: ...

    @abstractmethod
    def install_command(self, names: Iterable[str]) -> str:
        """The shell command that installs packages on a running node, without questions."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove packages with their configuration, and dependencies that are no longer needed (apt, dnf, zypper).

        yum keeps such dependencies.
        """

    @abstractmethod
    def update(self) -> None:
        """Update all installed packages."""

    @abstractmethod
    def installed(self) -> list[Package]:
        """All installed packages, sorted."""

    @abstractmethod
    def specs(self, package: Package) -> set[str]:
        """All specs that match this package: its name, alone or with version, architecture or both."""

    @abstractmethod
    def provided_names(self) -> set[str]:
        """The virtual package names that installed packages provide."""

    @abstractmethod
    def unfinished(self) -> list[str]:
        """The names of packages whose installation or removal was interrupted, sorted."""

    def matching(self, patterns: Sequence[str]) -> list[str]:
        """The names of installed packages that match any of the globs."""
        names = {package.name for package in self.installed()}
        return sorted(name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))
