"""Debian's control format (deb822): dpkg's status, Release files, and apt's .sources; python-debian parses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from debian.deb822 import Deb822, Release


def paragraphs(text: str) -> Iterator[Mapping[str, str]]:
    """The paragraphs of a file, each as its fields; names are found in upper and lower case alike."""
    # Not splitlines: only a line feed ends a line of this format.
    yield from Deb822.iter_paragraphs(text.split("\n"), use_apt_pkg=False)


def fields(text: str) -> dict[str, str]:
    """The fields of a file that has one paragraph; of several paragraphs, nothing."""
    found = [dict(paragraph) for paragraph in paragraphs(text)]
    return found[0] if len(found) == 1 else {}


def checksums(release: str) -> dict[str, str]:
    """The SHA-256 of each file that a Release or InRelease file lists, by its path.

    Raises ValueError for a list that is damaged.
    """
    return {entry["name"]: entry["sha256"] for entry in Release(release.split("\n")).get("SHA256", [])}
