"""Compares two disks, and the versions that they are or are based on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builder.appliance.handle import ApplianceSettings
from builder.appliance.interrupt import on_stop_signal
from builder.appliance.start import start
from builder.compare.packages import PackageChanges, find_changes
from builder.compare.reading import DiskReader
from builder.compare.recipes import RecipeChanges, compare_recipes
from builder.compare.trees import FileChanges
from builder.compare.volatile import is_volatile
from builder.events import Emit
from builder.offline import Target
from builder.offline.image import describe
from builder.paths import Output


@dataclass(frozen=True, slots=True)
class ComparedDisk:
    """One of the two disks: its name, whether it is a published version, and its size.

    `size` is the virtual size and `bytes` the space that the file takes (a node's overlay only), in bytes.
    """

    title: str
    published: bool
    size: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        return {"title": self.title, "published": self.published, "size": self.size, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs. `files` and `volatile` are None if only packages were compared.

    `volatile` holds the files that a running system changes by itself; it is empty between two versions.
    `recipe` is None if the version of either side is unknown.
    """

    a: ComparedDisk
    b: ComparedDisk
    packages: PackageChanges
    files: FileChanges | None
    volatile: FileChanges | None
    recipe: RecipeChanges | None

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Virtual size and file size in bytes, before and after."""
        return (self.a.size, self.a.bytes), (self.b.size, self.b.bytes)

    def __bool__(self) -> bool:
        """Whether anything differs unexpectedly. A node may have any size, so only sizes of versions count."""
        grown = self.a.published and self.b.published and self.a.size != self.b.size
        return bool(self.packages or self.files or self.recipe or grown)

    def to_json(self) -> dict[str, Any]:
        return {
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "differs": bool(self),
            "packages": self.packages.to_json(),
            # Empty changes are falsy, but not None.
            "files": None if self.files is None else self.files.to_json(),
            "volatile": None if self.volatile is None else self.volatile.to_json(),
            "recipe": None if self.recipe is None else self.recipe.to_json(),
        }


def compare(
    a: Target, b: Target, output: Output, emit: Emit, *, path: str = "/", with_files: bool = True
) -> Comparison:
    """The changes from `a` to `b`, for example a later version or a node; of files, those at or below `path`.

    Changes neither disk. Packages of published versions come from their manifests, others from the disk.
    Raises GoldenError if a disk cannot be opened.
    """
    packages_a, packages_b = _known_packages(a), _known_packages(b)
    files = None
    if with_files or packages_a is None or packages_b is None:
        with start(ApplianceSettings(output.appliance), emit) as appliance, on_stop_signal(appliance.kill):
            reader = DiskReader(appliance, output, emit)
            packages_a = reader.packages(a) if packages_a is None else packages_a
            packages_b = reader.packages(b) if packages_b is None else packages_b
            files = reader.compare(a, b, path) if with_files else None
            # Both disks were only read: no clean shutdown needed.
            appliance.kill()
    drift = not (a.published and b.published)
    return Comparison(
        _side(a),
        _side(b),
        find_changes(packages_a, packages_b),
        None if files is None else files.only(lambda each: not (drift and is_volatile(each))),
        None if files is None else files.only(lambda each: drift and is_volatile(each)),
        compare_recipes(a.version.manifest, b.version.manifest) if a.version and b.version else None,
    )


def _known_packages(target: Target) -> list[dict[str, Any]] | None:
    """The packages in a published version's manifest; None for any other disk."""
    return target.version.manifest.packages if target.version and target.published else None


def _side(target: Target) -> ComparedDisk:
    used = target.disk.stat().st_blocks * 512
    return ComparedDisk(target.title, target.published, describe(target.disk).size, used)
