"""What steps ask of a guest's package manager."""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from builder.guest.guest import Guest


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """An installed package. What its database says of its origin is no part of which package it is.

    `source` is the source package with its version, `supplier` who maintains or sells it, `license` in the
    database's own words; empty where that says nothing.
    """

    name: str
    version: str
    arch: str
    source: str = field(default="", compare=False)
    supplier: str = field(default="", compare=False)
    license: str = field(default="", compare=False)


class PackageManager(ABC):
    """Installs and removes packages in one guest. Methods raise CommandError with the manager's own words."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    @abstractmethod
    def refresh(self) -> None:
        """Fetch the package index, once a session and again after `forget_index`."""

    def forget_index(self) -> None:
        """The repositories changed: the next `refresh` fetches."""
        self.guest.index = None

    @abstractmethod
    def install(self, names: Iterable[str]) -> None: ...

    @abstractmethod
    def install_command(self, names: Iterable[str]) -> str:
        """The shell command with which a node installs packages by itself, without questions."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove packages with their configuration. What was installed only for their sake goes, too, where the
        guest's package manager is one that does so by itself, or keeps record of it (apt, dnf, zypper; not yum)."""

    @abstractmethod
    def update(self) -> None:
        """Bring every installed package to its newest version."""

    @abstractmethod
    def installed(self) -> list[Package]:
        """Every installed package, sorted."""

    @abstractmethod
    def specs(self, package: Package) -> set[str]:
        """Every way to ask for that very package: by name, and with version, architecture or both."""

    @abstractmethod
    def provided_names(self) -> set[str]:
        """The names that installed packages provide besides their own."""

    @abstractmethod
    def unfinished(self) -> list[str]:
        """The names of packages that an installation or removal left half done, sorted."""

    def matching(self, patterns: Sequence[str]) -> list[str]:
        """The names of installed packages that match any of the globs."""
        names = {package.name for package in self.installed()}
        return sorted(name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))
