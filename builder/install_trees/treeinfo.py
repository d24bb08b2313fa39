"""Parses `.treeinfo`, the description of an install tree of EL and Fedora.

The format is INI, in two generations that real trees mix: anaconda's [general], and productmd's [release], [tree]
and [variant-…] (https://productmd.readthedocs.io/en/latest/treeinfo-1.1.html).

productmd's own parser (1.51) is not used: it rejects trees that lack fields which golden does not need (such as a
variant's uid, or both [header] and [general]), ends a key at a `:` in a path, and accepts paths outside the tree and
malformed checksums.
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
    """The description of a tree. Paths are relative to it; None means that it names no such file.

    `stage2` is the installer's root file system; `checksums` are SHA-256, by path; `repositories` are the folders
    that contain the tree's `repodata`, "." if it names none; `indexes` are the files that determine which packages
    the tree has.
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
    """Parse a treeinfo; `where` names the file in messages. Raises RequestError if it is damaged."""
    # Keys are paths, so ":" and upper case must be kept; values may contain "%".
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as documented by configparser
    try:
        parser.read_string(content.decode(), "treeinfo")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise damaged(where, str(error)) from error

    def first(*names: tuple[str, str]) -> str | None:
        found = (parser.get(section, option, fallback="").strip() for section, option in names)
        return next(filter(None, found), None)

    arch = first(("general", "arch"), ("tree", "arch"))
    if arch is None:
        raise damaged(where, "no architecture: neither [general] nor [tree] has `arch`")
    images = f"images-{arch}"
    repositories = tuple(dict.fromkeys(_repositories(parser))) or (".",)
    return TreeInfo(
        family=first(("general", "family"), ("release", "name"), ("product", "name")) or "unknown",
        version=first(("general", "version"), ("release", "version"), ("product", "version")) or "unknown",
        arch=arch,
        kernel=_inside(first((images, "kernel")), where),
        initrd=_inside(first((images, "initrd")), where),
        stage2=_inside(first(("stage2", "mainimage"), ("stage2", "instimage")), where),
        checksums=_checksums(parser, where),
        repositories=repositories,
        indexes=tuple(posixpath.normpath(f"{each}/repodata/repomd.xml") for each in repositories),
    )


def _repositories(parser: configparser.ConfigParser) -> list[str]:
    """The folders of the variants' repositories; with `..` in trees where each variant is a separate tree."""
    names = parser.get("tree", "variants", fallback="").split(",")
    found = (parser.get(f"variant-{name.strip()}", "repository", fallback="").strip() for name in names)
    return [posixpath.normpath(each) for each in found if each and not each.startswith("/")]


def _checksums(parser: configparser.ConfigParser, where: str) -> dict[str, str]:
    """The SHA-256 checksums in [checksums]; older trees' weaker checksums are ignored."""
    found = {}
    for path, value in parser["checksums"].items() if parser.has_section("checksums") else ():
        kind, _, hexadecimal = value.strip().partition(":")
        if kind.lower() != "sha256":
            continue
        if not re.fullmatch(r"[0-9a-fA-F]{64}", hexadecimal):
            raise damaged(where, f"invalid checksum of {path}: {value}")
        found[posixpath.normpath(path)] = hexadecimal.lower()
    return found


def _inside(path: str | None, where: str) -> str | None:
    """A path from the tree, normalised. Raises RequestError if it leads out of the tree."""
    if path is None:
        return None
    normal = posixpath.normpath(path)
    if normal.startswith(("/", "..")) or not normal.isprintable():
        raise damaged(where, f"invalid path, or one outside the tree: {path!r}")
    return normal


def damaged(where: str, details: str) -> RequestError:
    return RequestError(
        f"the tree's description is damaged: {where}",
        details=details,
        hint="copy the tree again from its source",
    )
