from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.errors import HostError, RequestError
from builder.install_trees.iso import SECTOR, Iso
from builder.install_trees.tree import open_tree
from tests.install_trees import samples
from tests.install_trees.places import make_iso, make_iso_by_xorriso

METADATA = 60 * SECTOR
"""Where the small images below have their descriptors and folders."""


def test_links(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    samples.put(folder, {"dists/bookworm/Release": b"here"})
    for name, target in {
        "dists/stable": "bookworm",
        "here": ".",
        "up": "../../dists/./stable",
        "absolute": "/dists/stable",
        "loop": "loop",
        "ping": "pong",
        "pong": "ping/x",
        "nowhere": "nothing/at/all",
    }.items():
        (folder / name).symlink_to(target)
    iso = Iso(make_iso(folder, tmp_path / "links.iso"))
    for path in ("dists/stable", "here/here/dists/stable", "up", "absolute", "../dists/stable", "dists/../up"):
        entry = iso.find(f"{path}/Release")
        assert entry is not None, path
        assert iso.read(iso.extents(entry), 0, 100) == b"here"
    for path in ("loop", "loop/Release", "ping", "nowhere", "nowhere/Release", "dists/stable/Release/x"):
        assert iso.find(path) is None
    iso.close()


def test_bytes(tmp_path: Path) -> None:
    content = random.Random(3).randbytes(5000)
    samples.put(tmp_path / "tree", {"file": content, "empty": b""})
    iso = Iso(make_iso(tmp_path / "tree", tmp_path / "one.iso"))
    entry, empty = iso.find("file"), iso.find("empty")
    assert entry is not None
    assert empty is not None
    extents = iso.extents(entry)
    assert iso.read(extents, 0, 9999) == content
    assert iso.read(extents, 4990, 9999) == content[4990:]
    assert iso.read(extents, 5000, 1) == b""
    assert iso.read(iso.extents(empty), 0, 1) == b""
    iso.close()


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_an_incomplete_image(el9: Path, part: float, tmp_path: Path) -> None:
    image = make_iso(el9, tmp_path / "one.iso")
    whole = image.stat().st_size
    with image.open("r+b") as file:
        file.truncate(int(whole * part))
    with pytest.raises(RequestError) as caught, open_tree(image):
        pytest.fail("it was opened")
    assert caught.value.message == f"the ISO image is truncated: {image}"
    assert caught.value.details == f"it has {int(whole * part)} of {whole} bytes"
    assert caught.value.hint == "download or copy the image again, and compare its checksum with the publisher's"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    place = tmp_path_factory.mktemp("iso")
    samples.el7(place / "tree")
    (place / "tree/link").symlink_to("images")
    return make_iso(place / "tree", place / "one.iso").read_bytes()


@settings(max_examples=300)
@given(changes=st.lists(st.tuples(st.integers(16 * SECTOR, METADATA - 1), st.integers(0, 255)), max_size=12))
def test_any_damage_is_told(
    image: bytes, changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Or it is in what nobody needs; no other exception, and no end that never comes."""
    damaged = bytearray(image)
    for place, value in changes:
        damaged[place] = value
    file = tmp_path_factory.getbasetemp() / "damaged.iso"
    file.write_bytes(damaged)
    try:
        with open_tree(file) as tree:
            tree.identity()
            tree.exists("link/pxeboot/vmlinuz")
    except (RequestError, HostError) as error:
        assert error.details or error.hint  # noqa: PT017  # it may as well be whole


@pytest.mark.slow
def test_an_image_of_a_distribution(tmp_path: Path) -> None:
    """xorriso's, with names too long for plain ISO 9660 and for Joliet, deep folders, and long ones."""
    folder = tmp_path / "tree"
    name = "a-package-with-quite-a-long-name-as-they-are-1.2.3-4.el9.x86_64"
    files = {f"Packages/{number}-{name}.rpm": str(number).encode() for number in range(300)}
    deep = "dists/bookworm/main/installer-amd64/current/images/netboot/debian-installer/amd64/linux"
    samples.put(folder, {**files, deep: b"kernel"})
    with open_tree(make_iso_by_xorriso(folder, tmp_path / "one.iso")) as tree:
        for path, content in {**files, deep: b"kernel"}.items():
            assert tree.read(path) == content
