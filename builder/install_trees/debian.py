"""Describes a Debian tree, which has no treeinfo, but fixed file names.

On a mirror, the installer is in dists/RELEASE/main/installer-ARCHITECTURE/current/images, with SHA256SUMS.
On an installation medium, it is in a top-level folder such as install.amd.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from builder import deb822
from builder.errors import RequestError
from builder.install_trees.treeinfo import TreeInfo

INSTALLER = "dists/{release}/main/installer-{name}/current/images"
NETBOOT = ("netboot/debian-installer/{name}/linux", "netboot/debian-installer/{name}/initrd.gz")
MEDIUM = ("{folder}/vmlinuz", "{folder}/initrd.gz")

INDEXES = ("InRelease", "Release")
"""A release's index of all package lists, with an inline signature and without."""

DEFAULT_RELEASE = "stable"
"""The release if none is given: mirrors and media have a link of this name."""


@dataclass(frozen=True, slots=True)
class DebianArchitecture:
    """Debian's name for an architecture, and the installer's folder on a medium."""

    name: str
    folder: str


ARCHITECTURES = {
    "x86_64": DebianArchitecture("amd64", "install.amd"),
    "aarch64": DebianArchitecture("arm64", "install.a64"),
    "i386": DebianArchitecture("i386", "install.386"),
}

Exists = Callable[[str], bool]
Read = Callable[[str], bytes]


def find(exists: Exists, read: Read, release: str | None, arch: str | None) -> TreeInfo | None:
    """The description of a Debian tree; None if this is not one. Without a `release`, find chooses one.

    It is for `arch` (x86_64, …), whether the tree has an installer for it or not; without an `arch`, it is for
    the first architecture with an installer. Raises RequestError for damaged checksums.
    """
    found = _find_index(exists, read, release)
    if found is None:
        return None
    index, release = found
    text = read(index).decode(errors="replace")
    fields = deb822.fields(text)
    try:
        listed = {f"dists/{release}/{path}": sha256 for path, sha256 in deb822.checksums(text).items()}
    except ValueError as error:
        raise RequestError(f"the tree's checksum list is damaged: {index}", details=str(error)) from error

    def describe(arch: str) -> TreeInfo:
        kernel, initrd, checksums = _find_boot_files(exists, read, release, arch)
        return TreeInfo(
            family=fields.get("Origin", "Debian"),
            version=fields.get("Version") or fields.get("Codename") or release,
            arch=arch,
            kernel=kernel,
            initrd=initrd,
            checksums=listed | checksums,
            indexes=(index,),
        )

    described = [describe(each) for each in ([arch] if arch else ARCHITECTURES)]
    return next((each for each in described if each.kernel), described[0])


def has_release(exists: Exists, release: str) -> bool:
    """Whether the tree has a release of that name."""
    return any(exists(f"dists/{release}/{index}") for index in INDEXES)


def package_lists(info: TreeInfo) -> list[tuple[str, list[str]]]:
    """The kinds of package lists (for nodes, for the installer), each with its possible paths."""
    folder = posixpath.dirname(info.indexes[0])
    name = ARCHITECTURES[info.arch].name if info.arch in ARCHITECTURES else info.arch
    kinds = {"packages": f"{folder}/main", "installer's components": f"{folder}/main/debian-installer"}
    return [
        (kind, [f"{place}/binary-{name}/Packages{suffix}" for suffix in (".xz", ".gz", "")])
        for kind, place in kinds.items()
    ]


def missing_installer(release: str | None, arch: str) -> str:
    """Details for an error message: where an installer was expected."""
    known = ARCHITECTURES.get(arch)
    if known is None:
        return f"golden supports Debian's installer for {', '.join(ARCHITECTURES)}, not for {arch}"
    installer = INSTALLER.format(release=release or DEFAULT_RELEASE, name=known.name)
    netboot = NETBOOT[0].format(name=known.name).removesuffix("linux")
    return f"neither {installer}/{netboot}{{linux,initrd.gz}}\nnor {known.folder}/{{vmlinuz,initrd.gz}} exists"


def _find_index(exists: Exists, read: Read, release: str | None) -> tuple[str, str] | None:
    """The path of the release's index, and the release."""
    for name in [release] if release else [DEFAULT_RELEASE, *_medium_release(exists, read)]:
        for index in INDEXES:
            if exists(f"dists/{name}/{index}"):
                return f"dists/{name}/{index}", name
    return None


def _medium_release(exists: Exists, read: Read) -> list[str]:
    """The release in a medium's .disk/info: `Debian GNU/Linux 12.5.0 "Bookworm" - Official …`."""
    if not exists(".disk/info"):
        return []
    found = re.search(rb'["_]([A-Za-z]+)["_]', read(".disk/info"))
    return [found[1].decode().lower()] if found else []


def _find_boot_files(
    exists: Exists, read: Read, release: str, arch: str
) -> tuple[str | None, str | None, dict[str, str]]:
    """The installer's kernel and initrd if both exist, and the checksums in SHA256SUMS."""
    known = ARCHITECTURES.get(arch)
    if known is None:
        return None, None, {}
    images = INSTALLER.format(release=release, name=known.name)
    netboot = [f"{images}/{each.format(name=known.name)}" for each in NETBOOT]
    medium = [each.format(folder=known.folder) for each in MEDIUM]
    for kernel, initrd in (netboot, medium):
        if exists(kernel) and exists(initrd):
            return kernel, initrd, _checksums(exists, read, images) if kernel == netboot[0] else {}
    return None, None, {}


def _checksums(exists: Exists, read: Read, images: str) -> dict[str, str]:
    listed = f"{images}/SHA256SUMS"
    if not exists(listed):
        return {}
    lines = re.findall(r"^([0-9a-f]{64})  (\S+)$", read(listed).decode(errors="replace"), re.MULTILINE)
    if not lines:
        raise RequestError(f"the tree's checksums are damaged: {listed}", details="it contains no SHA-256 checksum")
    return {posixpath.normpath(f"{images}/{path}"): sha256 for sha256, path in lines}
