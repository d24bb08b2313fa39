"""Which disk a word of the command line means: a file, a node's, or a published version's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from builder.disks.formats import DISK_SUFFIXES, DiskFormat
from builder.errors import GoldenError, InUseError, RequestError, did_you_mean
from builder.guest.info import GuestInfo
from builder.offline.image import describe
from builder.offline.inspections import Inspections
from builder.paths import Output
from builder.store import Store, Version


@dataclass(frozen=True, slots=True)
class Target:
    """A disk to look into, and what it is called.

    `info` is None where nobody inspected it yet, `refusal` the error that writing to it is; None where
    it can be written. Somebody else may be writing to it, if `in_use`. `version` is the published one
    that it is, if `published`, or that it stands on; None where that is not known.
    """

    title: str
    disk: Path
    format: DiskFormat
    info: GuestInfo | None = None
    refusal: GoldenError | None = None
    in_use: bool = False
    version: Version | None = None
    published: bool = False

    def require_writable(self) -> None:
        """Raise RequestError or InUseError where the disk cannot be written."""
        if self.refusal:
            raise self.refusal


@dataclass(frozen=True, slots=True)
class NodeDisk:
    """The disk of a node, a file of this host, and whether the node is running.

    `version` is the one that it was cloned from, and `info` what its manifest says of the guest; None
    where that version is gone.
    """

    disk: Path
    format: DiskFormat
    running: bool
    info: GuestInfo | None = None
    version: Version | None = None


Nodes = Callable[[str], NodeDisk | None]
"""Finds the disk of the node of that name; None where there is no such node."""


def no_nodes(name: str) -> NodeDisk | None:
    """Where there is no libvirt to ask."""
    return None


def resolve(word: str, output: Output, nodes: Nodes = no_nodes) -> Target:
    """What `word` means: a disk file, else a node, else NAME, NAME@CHANNEL or NAME:VERSION of a template.

    `node:NAME` and `template:NAME` say expressly which. Raises RequestError with what there is.
    """
    store = Store(output.templates)
    kind, colon, name = word.partition(":")
    if colon and kind == "node":
        return want_node(name, output, nodes)
    if colon and kind == "template":
        return of_version(store.find(name))
    if "/" in word or Path(word).suffix in DISK_SUFFIXES or Path(word).is_file():
        return of_file(Path(word), output)
    node = find_node(word, output, nodes)
    template = word.partition(":")[0].partition("@")[0]
    known = store.templates()
    if node and template in known:
        raise RequestError(
            f"{word} is both a node and a template",
            hint=f"write node:{word} for the one, template:{word} for the other",
        )
    if node:
        return node
    if template not in known:
        raise RequestError(
            f"no such disk file, node or template: {word}{did_you_mean(template, known)}",
            hint=f"templates are {', '.join(known) or 'none yet; `golden build RECIPE` makes one'}",
        )
    return of_version(store.find(word))


def of_version(version: Version) -> Target:
    """The disk of a published version. Raises HostError when it is damaged."""
    return Target(
        str(version),
        version.disk,
        version.disk_format,
        version.guest_info(),
        refusal=RequestError(
            f"{version} is published, and a version is never changed",
            hint=f"change a node of it (`golden clone {version.template} NODE`), or the recipe, and build",
        ),
        version=version,
        published=True,
    )


def of_file(disk: Path, output: Output) -> Target:
    """A disk file of this host, which may be a published version's. Raises RequestError."""
    if not disk.exists():
        raise RequestError(f"no such disk file: {disk}")
    if not disk.is_file():
        raise RequestError(f"not a disk file: {disk}")
    if not os.access(disk, os.R_OK):
        raise RequestError(f"this user may not read {disk}")
    disk = disk.absolute()
    if version := find_version(disk, output):
        return of_version(version)
    image = describe(disk)
    refusal: GoldenError | None = None
    if image.in_use:
        refusal = InUseError(
            f"another process has {disk} open",
            hint="stop the machine that runs on it, or end what else uses it: `golden umount`, another `golden edit`",
        )
    elif not may_write(disk):
        refusal = RequestError(
            f"{disk} is read-only", details="its permissions let it be read alone", hint="write to an overlay on it"
        )
    below = next((found for each in image.chain if (found := find_version(each, output))), None)
    return Target(str(disk), disk, image.format, find_info(image.chain, output), refusal, image.in_use, below)


def may_write(disk: Path) -> bool:
    """Whether the file's permissions let this user write; root, too, is told by them what is not to be changed."""
    return os.access(disk, os.W_OK) and bool(disk.stat().st_mode & 0o222)


def want_node(name: str, output: Output, nodes: Nodes) -> Target:
    """Raises RequestError where there is no node of that name."""
    node = find_node(name, output, nodes)
    if node is None:
        raise RequestError(f"no such node: {name}")
    return node


def find_node(name: str, output: Output, nodes: Nodes) -> Target | None:
    """The disk of a node, which can be written while the node is not running; None where there is no such node."""
    node = nodes(name)
    if node is None:
        return None
    refusal = InUseError(f"the node {name} is running", hint="stop it first") if node.running else None
    info = node.info or find_info(describe(node.disk).chain, output)
    return Target(name, node.disk, node.format, info, refusal, in_use=node.running, version=node.version)


def find_version(disk: Path, output: Output) -> Version | None:
    """The published version whose disk that file is; None for any other file."""
    real, root = disk.resolve(), output.templates.resolve()
    if not real.is_relative_to(root):
        return None
    template = real.relative_to(root).parts[0]
    versions = Store(output.templates).versions(template)
    return next((version for version in versions if version.folder.resolve() == real.parent), None)


def find_info(chain: Iterable[Path], output: Output) -> GuestInfo | None:
    """What is known of the guest on a disk or, since an overlay changes no partitions, of a disk below it."""
    inspections = Inspections(output.inspections)
    for disk in chain:
        if found := inspections.find(disk):
            return found
        if version := find_version(disk, output):
            return version.guest_info()
    return None
