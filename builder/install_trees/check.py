"""Whether a tree is complete: all that it names is there, and is what it says."""

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
    """What is right and what is wrong with a tree, for an architecture (its own, where that is None).

    What has a checksum is read as a whole, of the rest only whether it is there. Raises HostError where the tree
    cannot be reached.
    """
    try:
        info = tree.about(arch)
    except RequestError as error:
        yield _bad(error)
        return
    described = tree.treeinfo_path or info.indexes[0]
    yield Finding(True, f"{described}: {info.family} {info.version} for {info.arch}")
    try:
        kernel, initrd = tree.boot_files(arch or info.arch)
    except RequestError as error:
        yield _bad(error)
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
    """A file, by `sha256` or the tree's own checksum, if there is one."""
    emit(ActionStarted(f"{kind} {path}"))
    try:
        named = sha256 or tree.checksum(path)
        if named is None:
            there = tree.exists(path)
            return Finding(there, f"{kind} {path}{'' if there else ' is missing'}")
        found = tree.sha256(path, emit)
    except RequestError as error:
        return Finding(False, f"{kind} {path}: {_say(error)}")
    if found != named:
        return Finding(False, f"{kind} {path} is damaged: its sha256 is {found}, and should be {named}")
    return Finding(True, f"{kind} {path}: sha256 is right")


def _check_repository(tree: InstallTree, repository: str, emit: Emit) -> Iterator[Finding]:
    """A repository's repomd.xml, and the metadata that it names."""
    index = posixpath.normpath(f"{repository}/repodata/repomd.xml")
    finding = _check_file(tree, index, "repository", emit)
    yield finding
    if not finding.ok:
        return
    try:
        named = dict(_metadata(tree.read(index)))
    except RequestError as error:
        yield _bad(error)
        return
    except ElementTree.ParseError as error:
        yield Finding(False, f"repository {index} is damaged: {error}")
        return
    if not named:
        yield Finding(False, f"repository {index} names no metadata")
    for location, sha256 in named.items():
        yield _check_file(tree, posixpath.normpath(f"{repository}/{location}"), "metadata", emit, sha256)


def _metadata(repomd: bytes) -> Iterator[tuple[str, str | None]]:
    """The files that a repomd.xml names, and their SHA-256 where that is the checksum it has."""
    for data in ElementTree.fromstring(repomd).iter(f"{NAMESPACE}data"):
        location, checksum = data.find(f"{NAMESPACE}location"), data.find(f"{NAMESPACE}checksum")
        if location is None or not location.get("href"):
            raise ElementTree.ParseError(f"its {data.get('type')} has no location")
        sha256 = checksum.text if checksum is not None and checksum.get("type") == "sha256" else None
        yield location.get("href", ""), sha256.strip() if sha256 else None


def _check_lists(tree: InstallTree, info: TreeInfo, emit: Emit) -> Iterator[Finding]:
    """The lists of packages of a tree of Debian: the nodes' own, and those of the installer's parts."""
    for kind, names in debian.package_lists(info):
        found = next((each for each in names if tree.exists(each)), None)
        if found is None:
            yield Finding(False, f"{kind} {names[0]} is missing")
        else:
            yield _check_file(tree, found, kind, emit)


def _bad(error: RequestError) -> Finding:
    return Finding(False, _say(error))


def _say(error: RequestError) -> str:
    """An error as one line."""
    return "; ".join(filter(None, [error.message, *(error.details or "").splitlines()]))
