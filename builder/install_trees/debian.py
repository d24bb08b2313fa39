"""What a tree of Debian holds: it has no treeinfo, but names that do not change.

On a mirror the installer is at dists/RELEASE/main/installer-ARCHITECTURE/current/images, with SHA256SUMS;
on an installation medium it is in a folder of its own.
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
"""What decides which packages a release has; with its signature, and without."""

ANY = "stable"
"""The release of a tree where nobody names one: mirrors and media have a link of this name."""


@dataclass(frozen=True, slots=True)
class DebianArchitecture:
    """What Debian calls it, and the installer's folder on a medium."""

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
    """The tree of a `release` (one is chosen where it is None); None where this is no tree of Debian.

    With an `arch` (x86_64, …) it is about that one, has it an installer or not; else about the first that has one.
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
        raise RequestError(f"the tree's list of checksums is damaged: {index}", details=str(error)) from error

    def about(arch: str) -> TreeInfo:
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

    tried = [about(each) for each in ([arch] if arch else ARCHITECTURES)]
    return next((each for each in tried if each.kernel), tried[0])


def has_release(exists: Exists, release: str) -> bool:
    """Whether there is a release of that name."""
    return any(exists(f"dists/{release}/{index}") for index in INDEXES)


def package_lists(info: TreeInfo) -> list[tuple[str, list[str]]]:
    """What lists the packages, of nodes and of the installer's own parts, and where: one of several names."""
    folder = posixpath.dirname(info.indexes[0])
    name = ARCHITECTURES[info.arch].name if info.arch in ARCHITECTURES else info.arch
    kinds = {"packages": f"{folder}/main", "installer's parts": f"{folder}/main/debian-installer"}
    return [
        (kind, [f"{place}/binary-{name}/Packages{suffix}" for suffix in (".xz", ".gz", "")])
        for kind, place in kinds.items()
    ]


def missing_installer(release: str | None, arch: str) -> str:
    """Where an installer was looked for, in words."""
    known = ARCHITECTURES.get(arch)
    if known is None:
        return f"nothing is known of Debian's installer for {arch}; it is for {', '.join(ARCHITECTURES)}"
    installer = INSTALLER.format(release=release or ANY, name=known.name)
    netboot = NETBOOT[0].format(name=known.name).removesuffix("linux")
    return f"looked for {installer}/{netboot}{{linux,initrd.gz}}\nand for {known.folder}/{{vmlinuz,initrd.gz}}"


def _find_index(exists: Exists, read: Read, release: str | None) -> tuple[str, str] | None:
    """The file that decides which packages a release has, and the release."""
    for name in [release] if release else [ANY, *_named_on_medium(exists, read)]:
        for index in INDEXES:
            if exists(f"dists/{name}/{index}"):
                return f"dists/{name}/{index}", name
    return None


def _named_on_medium(exists: Exists, read: Read) -> list[str]:
    """The release in a medium's .disk/info: `Debian GNU/Linux 12.5.0 "Bookworm" - Official …`."""
    if not exists(".disk/info"):
        return []
    found = re.search(rb'["_]([A-Za-z]+)["_]', read(".disk/info"))
    return [found[1].decode().lower()] if found else []


def _find_boot_files(
    exists: Exists, read: Read, release: str, arch: str
) -> tuple[str | None, str | None, dict[str, str]]:
    """The installer's kernel and initrd, where both are there, and what SHA256SUMS tells of the images."""
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
        raise RequestError(f"the tree's checksums are damaged: {listed}", details="it has no line of a checksum")
    return {posixpath.normpath(f"{images}/{path}"): sha256 for sha256, path in lines}
