"""What is served is used by those for whom it is: here dnf, with an ISO image that nobody unpacked."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from builder import process
from builder.events import Event, silent
from builder.install_trees import open_tree
from builder.install_trees.check import check_tree
from tests.guests.rpms import Packager, Rpm, index
from tests.install_trees import samples
from tests.install_trees.places import make_iso_by_xorriso, served

pytestmark = pytest.mark.slow


def test_dnf_installs_from_a_served_image(tmp_path: Path) -> None:
    tree = samples.el7(tmp_path / "tree")
    (tree / "Packages/lftp-4.4.8-12.el7_8.1.x86_64.rpm").unlink()
    for file in (tree / "repodata").iterdir():
        file.unlink()
    hello = Rpm("hello", "1.0", "1", files={"/usr/share/hello/text": "from the image\n" * 10_000})
    # The packager's folder has to have a short name.
    with tempfile.TemporaryDirectory(dir="/tmp") as short, Packager(Path(short), "Somebody") as packager:
        packager.build(hello, tree / "Packages")
    index(tree)
    heard: list[Event] = []
    with served(make_iso_by_xorriso(tree, tmp_path / "el7.iso"), heard.append) as url:
        with open_tree(url) as opened:
            assert [each.message for each in check_tree(opened, "x86_64", silent) if not each.ok] == []
        root = tmp_path / "root"
        options = [f"--repofrompath=tree,{url}", "--repo=tree", "--releasever=7", "--nogpgcheck", "--setopt=proxy="]
        process.run(["dnf", "-y", f"--installroot={root}", *options, "install", "hello"])
    assert (root / "usr/share/hello/text").read_text() == "from the image\n" * 10_000
    assert any("GET /Packages/hello-1.0-1.noarch.rpm 200" in str(event) for event in heard)
