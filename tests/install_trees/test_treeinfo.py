from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RequestError
from builder.install_trees.treeinfo import TreeInfo, parse

SHA256 = "ab" * 32


def test_of_el7(el7: Path) -> None:
    assert parse((el7 / ".treeinfo").read_bytes(), "here") == TreeInfo(
        family="CentOS",
        version="7",
        arch="x86_64",
        kernel="images/pxeboot/vmlinuz",
        initrd="images/pxeboot/initrd.img",
        stage2="LiveOS/squashfs.img",
        repositories=(".",),
        indexes=("repodata/repomd.xml",),
    )


def test_of_el9(el9: Path) -> None:
    info = parse((el9 / ".treeinfo").read_bytes(), "here")
    assert (info.family, info.version, info.arch, info.stage2) == ("AlmaLinux", "9.4", "x86_64", "images/install.img")
    assert info.repositories == ("AppStream", "BaseOS")
    assert info.indexes == ("AppStream/repodata/repomd.xml", "BaseOS/repodata/repomd.xml")
    assert sorted(info.checksums) == ["images/install.img", "images/pxeboot/initrd.img", "images/pxeboot/vmlinuz"]


def test_of_a_variant_beside_the_tree() -> None:
    """As network trees of EL 8 and 9 have it: each variant is a tree of its own."""
    text = (
        "[release]\nname = Rocky Linux\nversion = 9.4\n[tree]\narch = x86_64\nvariants = AppStream,BaseOS\n"
        "[variant-BaseOS]\nrepository = .\n[variant-AppStream]\nrepository = ../../../AppStream/x86_64/os/\n"
    )
    info = parse(text.encode(), "here")
    assert (info.family, info.version, info.arch, info.kernel) == ("Rocky Linux", "9.4", "x86_64", None)
    assert info.indexes == ("../../../AppStream/x86_64/os/repodata/repomd.xml", "repodata/repomd.xml")


def test_only_sha256_is_proof() -> None:
    text = f"[general]\narch = x86_64\n[checksums]\n./a:b = sha256:{SHA256.upper()}\nc = md5:00\nD = sha1:11\n"
    assert parse(text.encode(), "here").checksums == {"a:b": SHA256}


@pytest.mark.parametrize(
    ("text", "details"),
    [
        (b"", "no architecture: neither [general] nor [tree] has `arch`"),
        (b"[general]\nfamily = CentOS\n", "no architecture: neither [general] nor [tree] has `arch`"),
        (b"<html>Please log in.</html>\n", "File contains no section headers."),
        (b"[general]\narch\n", "Source contains parsing errors"),
        (b"[general]\narch = x86_64\xff\n", "'utf-8' codec can't decode byte 0xff"),
        (
            b"[general]\narch = x\n[images-x]\nkernel = ../../shadow\n",
            "invalid path, or one outside the tree: '../../shadow'",
        ),
        (
            b"[general]\narch = x\n[images-x]\ninitrd = /etc/shadow\n",
            "invalid path, or one outside the tree: '/etc/shadow'",
        ),
        (b"[general]\narch = x\n[images-x]\ninitrd = a\x01b\n", "invalid path, or one outside the tree: 'a\\x01b'"),
        (b"[general]\narch = x\n[checksums]\na = sha256:12\n", "invalid checksum of a: sha256:12"),
    ],
)
def test_a_damaged_one(text: bytes, details: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(text, "http://here/.treeinfo")
    assert caught.value.message == "the tree's description is damaged: http://here/.treeinfo"
    assert details in str(caught.value.details)


@given(st.binary(max_size=200) | st.text("[]=general\narch-x86_64: %/.#;", max_size=200).map(str.encode))
def test_any_bytes_are_a_treeinfo_or_a_damaged_one(content: bytes) -> None:
    with contextlib.suppress(RequestError):
        info = parse(content, "here")
        assert info.arch
        assert not [path for path in (info.kernel, info.initrd, info.stage2) if path and path.startswith(("/", ".."))]
