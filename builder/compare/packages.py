"""Finds added, removed and changed packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from builder.store.manifest import Manifest


@dataclass(frozen=True, slots=True, order=True)
class PackageChange:
    """A package by name and architecture, and its version on each side; None if that side lacks it."""

    name: str
    arch: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, str | None]:
        return {"name": self.name, "arch": self.arch, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class PackageChanges:
    """The changes of each kind, sorted by name, architecture and version."""

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
    """The changes between two versions' packages, from their manifests alone."""
    return find_changes(a.packages, b.packages)


def find_changes(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> PackageChanges:
    """The changes between two lists of packages, each a map with name, version and arch.

    Some packages (kernels) may be installed in several versions. One version replaced by one other counts
    as changed; anything else counts as added and removed versions.
    """
    old, new = _versions(before), _versions(after)
    added: list[PackageChange] = []
    removed: list[PackageChange] = []
    changed: list[PackageChange] = []
    for key in sorted(old.keys() | new.keys()):
        before_all, after_all = old.get(key, set()), new.get(key, set())
        only_old, only_new = sorted(before_all - after_all), sorted(after_all - before_all)
        if len(only_old) == len(only_new) == 1:
            changed.append(PackageChange(*key, only_old[0], only_new[0]))
        else:
            removed += [PackageChange(*key, version, None) for version in only_old]
            added += [PackageChange(*key, None, version) for version in only_new]
    return PackageChanges(tuple(added), tuple(removed), tuple(changed))


def _versions(packages: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], set[str]]:
    """The installed versions by name and architecture; fields missing in a damaged entry are empty."""
    found: dict[tuple[str, str], set[str]] = {}
    for package in packages:
        key = str(package.get("name", "")), str(package.get("arch", ""))
        found.setdefault(key, set()).add(str(package.get("version", "")))
    return found
