"""Checks that a tree is complete: every file that it names exists and has the right checksum."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from xml.etree import ElementTree

from builder.errors import RequestError
from builder.events import ActionStarted, Emit
from builder.findings import Finding
from builder.install_trees import debian
from builder.install_trees.tree import InstallTree
from builder.install_trees.treeinfo import TreeInfo

NAMESPACE = "{http://linux.duke.edu/metadata/repo}"


def check_tree(tree: InstallTree, arch: str | None, emit: Emit) -> Iterator[Finding]:
    """Check a tree for an architecture; None means the tree's own.

    A file with a checksum is read and compared; any other file only has to exist. Raises HostError if the tree
    cannot be reached.
    """
    try:
        info = tree.info_for(arch)
    except RequestError as error:
        yield _failure(error)
        return
    source = tree.treeinfo_path or info.indexes[0]
    yield Finding(True, f"{source}: {info.family} {info.version} for {info.arch}")
    try:
        kernel, initrd = tree.boot_files(arch or info.arch)
    except RequestError as error:
        yield _failure(error)
    else:
        yield _check_file(tree, kernel, "kernel", emit)
        yield _check_file(tree, initrd, "initrd", emit)
    if info.stage2:
        yield _check_file(tree, info.stage2, "stage2", emit)
    for repository in info.repositories:
        yield from _check_repository(tree, repository, emit)
    if not tree.treeinfo_path:
        yield from _check_lists(tree, info, emit)


def _check_file(tree: InstallTree, path: str, kind: str, emit: Emit, sha256: str | None = None) -> Finding:
    """Compare a file with `sha256` or the tree's checksum; without either, check that it exists."""
    emit(ActionStarted(f"{kind} {path}"))
    try:
        expected = sha256 or tree.checksum(path)
        if expected is None:
            exists = tree.exists(path)
            return Finding(exists, f"{kind} {path}{'' if exists else ' is missing'}")
        actual = tree.sha256(path, emit)
    except RequestError as error:
        return Finding(False, f"{kind} {path}: {_one_line(error)}")
    if actual != expected:
        return Finding(False, f"{kind} {path} is damaged: its sha256 is {actual}, expected {expected}")
    return Finding(True, f"{kind} {path}: sha256 matches")


def _check_repository(tree: InstallTree, repository: str, emit: Emit) -> Iterator[Finding]:
    """Check a repository's repomd.xml and the metadata files that it lists."""
    index = posixpath.normpath(f"{repository}/repodata/repomd.xml")
    finding = _check_file(tree, index, "repository", emit)
    yield finding
    if not finding.ok:
        return
    try:
        listed = dict(_metadata(tree.read(index)))
    except RequestError as error:
        yield _failure(error)
        return
    except ElementTree.ParseError as error:
        yield Finding(False, f"repository {index} is damaged: {error}")
        return
    if not listed:
        yield Finding(False, f"repository {index} lists no metadata")
    for location, sha256 in listed.items():
        yield _check_file(tree, posixpath.normpath(f"{repository}/{location}"), "metadata", emit, sha256)


def _metadata(repomd: bytes) -> Iterator[tuple[str, str | None]]:
    """The files that a repomd.xml lists, each with its SHA-256 if it has one."""
    for data in ElementTree.fromstring(repomd).iter(f"{NAMESPACE}data"):
        location, checksum = data.find(f"{NAMESPACE}location"), data.find(f"{NAMESPACE}checksum")
        if location is None or not location.get("href"):
            raise ElementTree.ParseError(f"its {data.get('type')} has no location")
        sha256 = checksum.text if checksum is not None and checksum.get("type") == "sha256" else None
        yield location.get("href", ""), sha256.strip() if sha256 else None


def _check_lists(tree: InstallTree, info: TreeInfo, emit: Emit) -> Iterator[Finding]:
    """Check a Debian tree's package lists: those for nodes and those of the installer's components."""
    for kind, names in debian.package_lists(info):
        found = next((each for each in names if tree.exists(each)), None)
        if found is None:
            yield Finding(False, f"{kind} {names[0]} is missing")
        else:
            yield _check_file(tree, found, kind, emit)


def _failure(error: RequestError) -> Finding:
    return Finding(False, _one_line(error))


def _one_line(error: RequestError) -> str:
    """An error as one line."""
    return "; ".join(filter(None, [error.message, *(error.details or "").splitlines()]))
