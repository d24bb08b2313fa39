"""Finds the disk that a command-line argument names: a file, a node's disk, or a published version's."""

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
    """A disk to open, and its name in messages.

    `info` is None if the disk was not inspected yet. `refusal` is the error to raise on writing; None if
    it can be written. `in_use` means that another process may be writing to it. `version` is the published
    version that this disk is (if `published`) or is based on; None if unknown.
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
        """Raise RequestError or InUseError if the disk may not be written."""
        if self.refusal:
            raise self.refusal


@dataclass(frozen=True, slots=True)
class NodeDisk:
    """The disk of a node, as a file of this host, and whether the node is running.

    `version` is the version that the node was cloned from, and `info` the guest in its manifest; both are
    None if that version was removed.
    """

    disk: Path
    format: DiskFormat
    running: bool
    info: GuestInfo | None = None
    version: Version | None = None


Nodes = Callable[[str], NodeDisk | None]
"""Finds the disk of a node by name; None if there is no such node."""


def no_nodes(name: str) -> NodeDisk | None:
    """A finder for use without libvirt: it finds no nodes."""
    return None


def resolve(word: str, output: Output, nodes: Nodes = no_nodes) -> Target:
    """The disk that `word` names: a disk file, else a node, else a template (NAME, NAME@CHANNEL, NAME:VERSION).

    `node:NAME` and `template:NAME` choose explicitly. Raises RequestError that lists the known templates.
    """
    store = Store(output.templates)
    kind, colon, name = word.partition(":")
    if colon and kind == "node":
        return require_node(name, output, nodes)
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
            hint=f"write node:{word} or template:{word}",
        )
    if node:
        return node
    if template not in known:
        raise RequestError(
            f"no such disk file, node or template: {word}{did_you_mean(template, known)}",
            hint=f"choose one of: {', '.join(known)}" if known else "run `golden build RECIPE` to build a template",
        )
    return of_version(store.find(word))


def of_version(version: Version) -> Target:
    """The disk of a published version. Raises HostError if it is damaged."""
    return Target(
        str(version),
        version.disk,
        version.disk_format,
        version.guest_info(),
        refusal=RequestError(
            f"cannot change {version}: published versions are read-only",
            hint=f"change a clone (`golden clone {version.template} NODE`), or edit the recipe and rebuild",
        ),
        version=version,
        published=True,
    )


def of_file(disk: Path, output: Output) -> Target:
    """A disk file of this host, which may belong to a published version. Raises RequestError."""
    if not disk.exists():
        raise RequestError(f"no such disk file: {disk}")
    if not disk.is_file():
        raise RequestError(f"not a file: {disk}")
    if not os.access(disk, os.R_OK):
        raise RequestError(f"cannot read {disk}: no permission")
    disk = disk.absolute()
    if version := find_version(disk, output):
        return of_version(version)
    image = describe(disk)
    refusal: GoldenError | None = None
    if image.in_use:
        refusal = InUseError(
            f"another process has {disk} open",
            hint="shut down its virtual machine, unmount it with `golden umount`, or wait for another golden command",
        )
    elif not may_write(disk):
        refusal = RequestError(
            f"cannot change {disk}: its permissions do not allow writing",
            hint=f"run `chmod u+w {disk}`, or edit a copy",
        )
    version = next((found for each in image.chain if (found := find_version(each, output))), None)
    return Target(str(disk), disk, image.format, find_info(image.chain, output), refusal, image.in_use, version)


def may_write(disk: Path) -> bool:
    """Whether the file's permissions allow writing. Root respects them, too: they mark files not to be changed."""
    return os.access(disk, os.W_OK) and bool(disk.stat().st_mode & 0o222)


def require_node(name: str, output: Output, nodes: Nodes) -> Target:
    """The disk of a node. Raises RequestError if there is no such node."""
    node = find_node(name, output, nodes)
    if node is None:
        raise RequestError(f"no such node: {name}", hint="run `golden node list` to see the nodes")
    return node


def find_node(name: str, output: Output, nodes: Nodes) -> Target | None:
    """The disk of a node, writable unless the node is running; None if there is no such node."""
    node = nodes(name)
    if node is None:
        return None
    refusal = (
        InUseError(
            f"cannot change the disk of the node {name}: the node is running",
            hint=f"run `golden node shutdown {name} --wait 60` first",
        )
        if node.running
        else None
    )
    info = node.info or find_info(describe(node.disk).chain, output)
    return Target(name, node.disk, node.format, info, refusal, in_use=node.running, version=node.version)


def find_version(disk: Path, output: Output) -> Version | None:
    """The published version that a disk file belongs to; None for any other file."""
    real, root = disk.resolve(), output.templates.resolve()
    if not real.is_relative_to(root):
        return None
    template = real.relative_to(root).parts[0]
    versions = Store(output.templates).versions(template)
    return next((version for version in versions if version.folder.resolve() == real.parent), None)


def find_info(chain: Iterable[Path], output: Output) -> GuestInfo | None:
    """What is known of the guest on a disk or its backing files (an overlay changes no partitions); None if unknown."""
    inspections = Inspections(output.inspections)
    for disk in chain:
        if found := inspections.find(disk):
            return found
        if version := find_version(disk, output):
            return version.guest_info()
    return None
