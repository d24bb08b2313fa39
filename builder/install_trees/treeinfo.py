"""What a tree says of itself: the `.treeinfo` of EL and Fedora.

The format is INI, of two generations that shipped trees mix: [general] of anaconda's own times, and
[release], [tree] and [variant-…] of productmd (https://productmd.readthedocs.io/en/latest/treeinfo-1.1.html).
"""

from __future__ import annotations

import configparser
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from builder.errors import RequestError


@dataclass(frozen=True, slots=True)
class TreeInfo:
    """A tree's words on itself. Paths are relative to it; None stands for what it does not name.

    `stage2` is the installer's own root; `checksums` are SHA-256, by path; `repositories` are the folders
    whose `repodata` belong to the tree, "." where it names none; `indexes` are the files that decide which
    packages there are, in any tree.
    """

    family: str
    version: str
    arch: str
    kernel: str | None = None
    initrd: str | None = None
    stage2: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    repositories: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()


def parse(content: bytes, where: str) -> TreeInfo:
    """The treeinfo in a file's bytes; `where` names the file. Raises RequestError for a damaged one."""
    # Its keys are paths, in which ":" and capitals mean what they are; its values have "%" in them.
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as the documentation of configparser has it
    try:
        parser.read_string(content.decode(), "treeinfo")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise damaged(where, str(error)) from error

    def one(*names: tuple[str, str]) -> str | None:
        found = (parser.get(section, option, fallback="").strip() for section, option in names)
        return next(filter(None, found), None)

    arch = one(("general", "arch"), ("tree", "arch"))
    if arch is None:
        raise damaged(where, "it names no architecture: [general] arch, or [tree] arch")
    images = f"images-{arch}"
    repositories = tuple(dict.fromkeys(_repositories(parser))) or (".",)
    return TreeInfo(
        family=one(("general", "family"), ("release", "name"), ("product", "name")) or "unknown",
        version=one(("general", "version"), ("release", "version"), ("product", "version")) or "unknown",
        arch=arch,
        kernel=_inside(one((images, "kernel")), where),
        initrd=_inside(one((images, "initrd")), where),
        stage2=_inside(one(("stage2", "mainimage"), ("stage2", "instimage")), where),
        checksums=_checksums(parser, where),
        repositories=repositories,
        indexes=tuple(posixpath.normpath(f"{each}/repodata/repomd.xml") for each in repositories),
    )


def _repositories(parser: configparser.ConfigParser) -> list[str]:
    """The folders of the variants' repositories: productmd has "..", where each variant is a tree of its own."""
    names = parser.get("tree", "variants", fallback="").split(",")
    found = (parser.get(f"variant-{name.strip()}", "repository", fallback="").strip() for name in names)
    return [posixpath.normpath(each) for each in found if each and not each.startswith("/")]


def _checksums(parser: configparser.ConfigParser, where: str) -> dict[str, str]:
    """The SHA-256 of [checksums]; other kinds, of older trees, are no longer proof of anything."""
    found = {}
    for path, value in parser["checksums"].items() if parser.has_section("checksums") else ():
        kind, _, hexadecimal = value.strip().partition(":")
        if kind.lower() != "sha256":
            continue
        if not re.fullmatch(r"[0-9a-fA-F]{64}", hexadecimal):
            raise damaged(where, f"the checksum of {path} is not one: {value}")
        found[posixpath.normpath(path)] = hexadecimal.lower()
    return found


def _inside(path: str | None, where: str) -> str | None:
    """A path that a tree names, normalised. Raises RequestError for one that leads out of it."""
    if path is None:
        return None
    normal = posixpath.normpath(path)
    if normal.startswith(("/", "..")) or not normal.isprintable():
        raise damaged(where, f"it names a file outside of the tree: {path!r}")
    return normal


def damaged(where: str, details: str) -> RequestError:
    return RequestError(
        f"the tree's description is damaged: {where}",
        details=details,
        hint="copy the tree again from where it came from",
    )
