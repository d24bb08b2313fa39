"""Packages that were added, removed and changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from builder.store.manifest import Manifest


@dataclass(frozen=True, slots=True, order=True)
class PackageChange:
    """A package by name and architecture, and its version on either side; None where that side lacks it."""

    name: str
    arch: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, str | None]:
        return {"name": self.name, "arch": self.arch, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class PackageChanges:
    """Each kind sorted by name, architecture and version."""

    added: tuple[PackageChange, ...] = ()
    removed: tuple[PackageChange, ...] = ()
    changed: tuple[PackageChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def to_json(self) -> dict[str, list[dict[str, str | None]]]:
        return {
            "added": [change.to_json() for change in self.added],
            "removed": [change.to_json() for change in self.removed],
            "changed": [change.to_json() for change in self.changed],
        }


def compare_packages(a: Manifest, b: Manifest) -> PackageChanges:
    """What became of the packages from one version to another, by their manifests alone."""
    return changes(a.packages, b.packages)


def changes(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> PackageChanges:
    """What became of packages, each a map with name, version and arch.

    Of those that may be installed several times beside each other (kernels), one version that took the
    place of one other is a change, and everything else comes or goes by itself.
    """
    old, new = _versions(before), _versions(after)
    added: list[PackageChange] = []
    removed: list[PackageChange] = []
    changed: list[PackageChange] = []
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key, set()), new.get(key, set())
        gone, come = sorted(was - now), sorted(now - was)
        if len(gone) == len(come) == 1:
            changed.append(PackageChange(*key, gone[0], come[0]))
        else:
            removed += [PackageChange(*key, version, None) for version in gone]
            added += [PackageChange(*key, None, version) for version in come]
    return PackageChanges(tuple(added), tuple(removed), tuple(changed))


def _versions(packages: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], set[str]]:
    """The installed versions by name and architecture; what a damaged entry lacks is empty."""
    found: dict[tuple[str, str], set[str]] = {}
    for package in packages:
        key = str(package.get("name", "")), str(package.get("arch", ""))
        found.setdefault(key, set()).add(str(package.get("version", "")))
    return found
