"""The driver of comparisons: two disks, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builder.appliance.handle import ApplianceSettings
from builder.appliance.interrupt import on_stop_signal
from builder.appliance.start import start
from builder.compare.packages import PackageChanges, changes
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
    """One of the two: what it is called, its version if it is a published one, and its size.

    `size` is the disk's virtual one and `bytes` what its file takes, which of a node is its overlay.
    """

    title: str
    published: bool
    size: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        return {"title": self.title, "published": self.published, "size": self.size, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs. `files` and `volatile` are None where only packages were asked for.

    `volatile` are the files that a node writes by itself; between versions, where nothing does, there are
    none. `recipe` is None where it is not known of which version a side is.
    """

    a: ComparedDisk
    b: ComparedDisk
    packages: PackageChanges
    files: FileChanges | None
    volatile: FileChanges | None
    recipe: RecipeChanges | None

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Virtual size and bytes of the file, before and after."""
        return (self.a.size, self.a.bytes), (self.b.size, self.b.bytes)

    def __bool__(self) -> bool:
        """Whether anything differs that nobody expects to: nodes have the size that was ordered."""
        grown = self.a.published and self.b.published and self.a.size != self.b.size
        return bool(self.packages or self.files or self.recipe or grown)

    def to_json(self) -> dict[str, Any]:
        return {
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "differs": bool(self),
            "packages": self.packages.to_json(),
            # What has no difference is false, and not None.
            "files": None if self.files is None else self.files.to_json(),
            "volatile": None if self.volatile is None else self.volatile.to_json(),
            "recipe": None if self.recipe is None else self.recipe.to_json(),
        }


def compare(
    a: Target, b: Target, output: Output, emit: Emit, *, path: str = "/", with_files: bool = True
) -> Comparison:
    """What became of `a`, of which `b` may be a later version or a node; of files, those at and below `path`.

    Both disks stay as they are. Packages of published versions are those of their manifests, others are
    read from the disk. Raises GoldenError where a disk cannot be looked into.
    """
    packages, files = _known_packages(a), None
    theirs = _known_packages(b)
    if with_files or packages is None or theirs is None:
        with start(ApplianceSettings(output.appliance), emit) as appliance, on_stop_signal(appliance.kill):
            reader = DiskReader(appliance, output, emit)
            packages = reader.packages(a) if packages is None else packages
            theirs = reader.packages(b) if theirs is None else theirs
            files = reader.compare(a, b, path) if with_files else None
            # Nothing is to be kept: the machine need not be put away.
            appliance.kill()
    drift = not (a.published and b.published)
    return Comparison(
        _side(a),
        _side(b),
        changes(packages, theirs),
        None if files is None else files.only(lambda each: not (drift and is_volatile(each))),
        None if files is None else files.only(lambda each: drift and is_volatile(each)),
        compare_recipes(a.version.manifest, b.version.manifest) if a.version and b.version else None,
    )


def _known_packages(target: Target) -> list[dict[str, Any]] | None:
    """What a published version's manifest says; None for any other disk."""
    return target.version.manifest.packages if target.version and target.published else None


def _side(target: Target) -> ComparedDisk:
    used = target.disk.stat().st_blocks * 512
    return ComparedDisk(target.title, target.published, describe(target.disk).size, used)
