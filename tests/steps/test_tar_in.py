from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import CommandError, GuestError
from builder.guest.guest import Guest
from builder.guest.trees import COMPRESSIONS
from builder.inputs import KeyContext, RecipeContext
from builder.steps.tar_in import TarIn

Member = tuple[str, bytes, dict[str, Any]]

MEMBERS: list[Member] = [
    ("./", tarfile.DIRTYPE, {"mode": 0o755}),
    ("./folder/", tarfile.DIRTYPE, {"mode": 0o2750, "uid": 56, "gid": 78}),
    ("./folder/it's", b"text\n" * 100_000, {"mode": 0o4711, "uid": 12, "gid": 34, "uname": "daemon", "gname": "sys"}),
    ("./link", tarfile.SYMTYPE, {"linkname": "/nowhere", "mode": 0o777}),
    ("./twin", tarfile.LNKTYPE, {"linkname": "./folder/it's"}),
]
TYPES = {tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE}


def pack(path: Path, members: list[Member]) -> Path:
    """Write an archive. Each member is a tar type, or the contents of a file."""
    with tarfile.open(path, "w") as tar:
        for name, content, attributes in members:
            info = tarfile.TarInfo(name)
            info.type = content if content in TYPES else tarfile.REGTYPE
            info.size = 0 if content in TYPES else len(content)
            for attribute, value in attributes.items():
                setattr(info, attribute, value)
            tar.addfile(info, io.BytesIO(content))
    return path


def tar_in(folder: Path, **options: Any) -> TarIn:
    return TarIn.model_validate({"source": "a.tar", "path": "/srv/app", **options}, context=RecipeContext(folder))


def test_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text\n" * 1000)
    (tmp_path / "none").touch()
    (tmp_path / "damaged.gz").write_bytes(b"\x1f\x8b\x08 is no gzip")
    (tmp_path / "folder").mkdir()
    pack(tmp_path / "empty", [])
    pack(tmp_path / "outside", [("a/../../etc/passwd", b"text", {})])
    pack(tmp_path / "dangling", [("twin", tarfile.LNKTYPE, {"linkname": "/etc/shadow"})])
    whole = pack(tmp_path / "whole", MEMBERS).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    for source, reason in (
        ("text", "text: not a tar archive, or damaged"),
        ("none", "none: not a tar archive, or damaged"),
        ("damaged.gz", r"damaged.gz: .*gzip"),
        ("folder", "not a file: folder"),
        ("missing", "no such file: missing"),
        ("empty", "empty: the archive is empty"),
        ("outside", r"its member a/../../etc/passwd leads outside the target folder"),
        ("dangling", r"its member twin is a hard link to /etc/shadow, which is not in the archive"),
        ("cut", "cut: not a tar archive, or damaged"),
    ):
        with pytest.raises(ValidationError, match=reason):
            tar_in(tmp_path, source=source)
    with pytest.raises(ValidationError, match="absolute"):
        tar_in(tmp_path, source="whole", path="srv")


@pytest.mark.parametrize("tool", ["", *COMPRESSIONS.values()])
def test_every_compression_is_read(tmp_path: Path, tool: str) -> None:
    archive = pack(tmp_path / "a.tar", MEMBERS)
    if tool:
        archive.write_bytes(subprocess.run([tool, "--stdout", archive], check=True, capture_output=True).stdout)
    kept = tar_in(tmp_path, path="/root").kept_paths()
    assert sorted(kept) == ["/root", "/root/folder", "/root/folder/it's", "/root/link", "/root/twin"]


def test_layer_key_follows_the_archive(tmp_path: Path) -> None:
    keys = set()
    for members in (MEMBERS, MEMBERS[1:]):
        pack(tmp_path / "a.tar", members)
        keys.add(str(tar_in(tmp_path).key_options(KeyContext(b""))))
    assert len(keys) == 2


def test_tar_in(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    archive = pack(tmp_path / "a.tar", MEMBERS)
    for path, tool in (("/srv/it's", ""), ("/srv/compressed", "gzip")):
        if tool:
            subprocess.run([tool, archive], check=True)
            archive.with_name("a.tar.gz").rename(archive)
        step = tar_in(tmp_path, path=path)
        assert [finding.ok for finding in step.check(guest)] == [False]
        step.apply(guest)
        assert [finding.message for finding in step.check(guest)] == [f"{path} has all 5 entries of a.tar"]
    look = "cd \"/srv/it's\"; find . -printf '%P %y %m %U:%G %l\\n' | sort"
    assert [line.rstrip() for line in guest.query(look).splitlines()] == [
        "d 755 0:0",
        "folder d 2750 56:78",
        "folder/it's f 4711 12:34",
        "link l 777 0:0 /nowhere",
        "twin f 4711 12:34",
    ]
    assert guest.read("/srv/it's/twin") == "text\n" * 100_000
    assert guest.glob("/.*") == ["/.", "/.."], "nothing of the transport is left"
    guest.write("/srv/compressed/folder/it's", "spoilt")
    assert [finding.message for finding in step.check(guest)] == [
        "different from a.tar: /srv/compressed/folder/it's, /srv/compressed/twin"
    ]


def test_links_to_folders_stay(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    pack(tmp_path / "a.tar", [("lib", tarfile.DIRTYPE, {"mode": 0o755}), ("lib/golden.so", b"text", {"mode": 0o600})])
    step = tar_in(tmp_path, path="/")
    step.apply(guest)
    assert guest.read_link("/lib") == "usr/lib"
    assert guest.read("/usr/lib/golden.so") == "text"
    assert [finding.ok for finding in step.check(guest)] == [True]


def test_an_archive_that_cannot_be_unpacked(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    pack(tmp_path / "a.tar", MEMBERS)
    guest.write("/srv/app/twin/full", "text")
    with pytest.raises(CommandError, match="twin"):
        tar_in(tmp_path).apply(guest)
    assert not guest.exists("/.golden-archive")
    with pytest.raises(GuestError, match="/srv/app/twin/full"):
        tar_in(tmp_path, path="/srv/app/twin/full").apply(guest)
    guest.remove("/usr/bin/tar")
    with pytest.raises(GuestError, match="the guest has no tar"):
        tar_in(tmp_path).apply(guest)
