"""What apt says of the repositories that it asked, and which files upstream that were."""

from __future__ import annotations

from builder.guest.packages.apt import Apt, index_file

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
    """As much of a guest as is asked for: the digests of apt's lists."""

    def ask(self, command: str) -> str:
        assert command.startswith("sha256sum /var/lib/apt/lists/*Release ")
        return "".join(f"{number:064}  /var/lib/apt/lists/{index_file(url)}\n" for number, url in enumerate(URLS))


def test_the_indexes_of_repositories() -> None:
    found = Apt(Guest())._indexes(PRINTED)  # type: ignore[arg-type]
    assert found == {url: f"{number:064}" for number, url in enumerate(URLS)}
