"""What apt says of the repositories that it asked, and which files upstream that were."""

from __future__ import annotations

from typing import ClassVar

from builder.guest.packages.apt import Apt, index_file
from builder.indexes import digest_index

PRINTED = """\
Hit:1 http://m/debian bookworm InRelease
Get:2 http://m/debian bookworm-updates InRelease [55.4 kB]
Ign:3 http://old stable InRelease
Get:4 http://old stable Release [1,234 B]
Get:5 http://old stable Release.gpg [833 B]
Get:6 http://flat/x ./ InRelease [1,234 B]
Get:7 http://flat packages/ InRelease [1,234 B]
Get:8 http://m/debian bookworm-updates/main amd64 Packages [9,999 B]
Get:9 http://gone stable InRelease [1,234 B]
"""

URLS = [
    "http://m/debian/dists/bookworm/InRelease",
    "http://m/debian/dists/bookworm-updates/InRelease",
    "http://old/dists/stable/Release",
    "http://flat/x/./InRelease",
    "http://flat/packages/InRelease",
]


class Guest:
    """As much of a guest as is asked for: apt's lists."""

    lists: ClassVar = {f"/var/lib/apt/lists/{index_file(url)}": url.encode() for url in URLS}

    def is_file(self, path: str) -> bool:
        return path in self.lists

    def read_bytes(self, path: str) -> bytes:
        return self.lists[path]


def test_the_indexes_of_repositories() -> None:
    found = Apt(Guest())._indexes(PRINTED)  # type: ignore[arg-type]
    assert found == {url: digest_index(url.encode()) for url in URLS}
