from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builder.events import silent
from builder.install_trees.check import check_tree
from builder.install_trees.tree import open_tree
from tests.install_trees import samples
from tests.install_trees.samples import sha256

VMLINUZ = "images/pxeboot/vmlinuz"
REPOMD = "BaseOS/repodata/repomd.xml"


def wrong(source: Path, arch: str | None = None) -> list[str]:
    """What a check finds wrong; something is always right, if it is a tree at all."""
    with open_tree(source) as tree:
        return [finding.message for finding in check_tree(tree, arch, silent) if not finding.ok]


def metadata(folder: Path) -> Path:
    (file,) = (folder / "BaseOS/repodata").glob("*-primary.xml.gz")
    return file


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new))

    return change


def test_a_complete_tree(el9: Path) -> None:
    with open_tree(el9) as tree:
        findings = list(check_tree(tree, None, silent))
    assert all(finding.ok for finding in findings)
    primary = {name: sha256(next((el9 / name).glob("repodata/*.gz")).read_bytes()) for name in ("AppStream", "BaseOS")}
    assert [finding.message for finding in findings] == [
        ".treeinfo: AlmaLinux 9.4 for x86_64",
        f"kernel {VMLINUZ}: sha256 matches",
        "initrd images/pxeboot/initrd.img: sha256 matches",
        "stage2 images/install.img: sha256 matches",
        "repository AppStream/repodata/repomd.xml",
        f"metadata AppStream/repodata/{primary['AppStream']}-primary.xml.gz: sha256 matches",
        "metadata AppStream/repodata/comps.xml",
        "repository BaseOS/repodata/repomd.xml",
        f"metadata BaseOS/repodata/{primary['BaseOS']}-primary.xml.gz: sha256 matches",
        "metadata BaseOS/repodata/comps.xml",
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda folder: (folder / VMLINUZ).unlink(), f"kernel {VMLINUZ}: the tree has no {VMLINUZ}: "),
        (lambda folder: (folder / VMLINUZ).write_bytes(b"x"), f"kernel {VMLINUZ} is damaged: its sha256 is "),
        (lambda folder: (folder / "images/install.img").unlink(), "stage2 images/install.img: the tree has no "),
        (lambda folder: (folder / "images/install.img").write_bytes(b""), "stage2 images/install.img is damaged: "),
        (lambda folder: (folder / REPOMD).unlink(), f"repository {REPOMD} is missing"),
        (lambda folder: (folder / REPOMD).write_bytes(b"<repomd"), f"repository {REPOMD} is damaged: unclosed token"),
        (lambda folder: (folder / REPOMD).write_bytes(b"<repomd/>"), f"repository {REPOMD} lists no metadata"),
        (lambda folder: metadata(folder).unlink(), "metadata BaseOS/repodata/"),
        (lambda folder: metadata(folder).write_bytes(b"x"), "metadata BaseOS/repodata/"),
        (
            lambda folder: (folder / "BaseOS/repodata/comps.xml").unlink(),
            "metadata BaseOS/repodata/comps.xml is missing",
        ),
        (
            replace(REPOMD, '<location href="repodata/comps.xml"/>', ""),
            f"repository {REPOMD} is damaged: its group has",
        ),
        (replace(".treeinfo", f"kernel = {VMLINUZ}", ""), "the tree names no kernel for x86_64: "),
        (replace(".treeinfo", "[general]", "[general"), "the tree's description is damaged: "),
        (lambda folder: (folder / ".treeinfo").unlink(), "not an install tree: "),
    ],
)
def test_one_thing_wrong(change: Callable[[Path], None], found: str, el9: Path) -> None:
    change(el9)
    (message,) = wrong(el9)
    assert message.startswith(found)
    assert "\n" not in message


def test_everything_wrong_is_told_at_once(el7: Path) -> None:
    for path in (VMLINUZ, "LiveOS/squashfs.img", "repodata/repomd.xml"):
        (el7 / path).unlink()
    assert wrong(el7) == [
        f"kernel {VMLINUZ} is missing",
        "stage2 LiveOS/squashfs.img is missing",
        "repository repodata/repomd.xml is missing",
    ]


def test_the_wrong_architecture(el9: Path, debian: Path) -> None:
    assert wrong(el9, "aarch64") == [
        f"the tree is for x86_64, not for aarch64: {el9}",
    ]
    assert wrong(debian, "aarch64") == []


def test_a_tree_of_debian(debian: Path) -> None:
    main = debian / "dists/stable/main"
    assert wrong(debian) == []
    (main / "debian-installer/binary-amd64/Packages.gz").unlink()
    (main / "binary-amd64/Packages.xz").write_bytes(b"of yesterday")
    (main / "installer-amd64/current/images/netboot/debian-installer/amd64/initrd.gz").write_bytes(b"x")
    damaged, lists, parts = wrong(debian)
    assert damaged.startswith("initrd dists/stable/main/installer-amd64/current/images/netboot/debian-installer/amd64/")
    assert lists.startswith("packages dists/stable/main/binary-amd64/Packages.xz is damaged: ")
    assert parts == "installer's components dists/stable/main/debian-installer/binary-amd64/Packages.xz is missing"
    samples.put(main / "installer-amd64/current/images", {"SHA256SUMS": b"<html>"})
    assert [each for each in wrong(debian) if "checksums" in each]
