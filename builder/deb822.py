"""Parse Debian's control format (deb822) with python-debian: dpkg's status, Release files, and apt's .sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from debian.deb822 import Deb822, Release


def paragraphs(text: str) -> Iterator[Mapping[str, str]]:
    """The paragraphs of a file, as mappings of fields. Field names are case-insensitive."""
    # Not splitlines: in this format, only a line feed ends a line.
    yield from Deb822.iter_paragraphs(text.split("\n"), use_apt_pkg=False)


def fields(text: str) -> dict[str, str]:
    """The fields of a file with exactly one paragraph; empty if it has none or several."""
    parsed = [dict(paragraph) for paragraph in paragraphs(text)]
    return parsed[0] if len(parsed) == 1 else {}


def checksums(release: str) -> dict[str, str]:
    """The SHA-256 of each file listed in a Release or InRelease file, by path.

    Raises ValueError if the list is damaged.
    """
    return {entry["name"]: entry["sha256"] for entry in Release(release.split("\n")).get("SHA256", [])}
