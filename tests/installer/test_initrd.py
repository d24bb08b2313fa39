"""Files in an initrd, read back by cpio."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from builder.errors import HostError
from builder.installer.initrd import archive, inject

ADDED = {"ks.cfg": b"text\n", "/etc/deep/er/name": b"\0\1\2", "empty": b"", "é": b"x" * 4099}


def unpack(packed: bytes, folder: Path) -> None:
    folder.mkdir()
    command = ["cpio", "--extract", "--quiet", "--make-directories"]
    subprocess.run(command, input=packed, cwd=folder, check=True)


def test_what_was_added_is_there_with_its_folders(tmp_path: Path) -> None:
    unpack(archive(ADDED), tmp_path / "root")
    found = {str(path.relative_to(tmp_path / "root")): path for path in (tmp_path / "root").rglob("*")}
    files = {name: path.read_bytes() for name, path in found.items() if path.is_file()}
    assert files == {name.lstrip("/"): content for name, content in ADDED.items()}
    assert {name for name, path in found.items() if path.is_dir()} == {"etc", "etc/deep", "etc/deep/er"}
    assert {oct(path.stat().st_mode & 0o7777) for path in found.values() if path.is_file()} == {"0o644"}


def test_each_file_is_its_own_and_roots() -> None:
    command = ["cpio", "--list", "--verbose", "--numeric-uid-gid", "--quiet"]
    listed = subprocess.run(command, input=archive({"a": b"1", "b": b"1"}), check=True, capture_output=True)
    assert [line.split()[1:4] for line in listed.stdout.decode().splitlines()] == [["1", "0", "0"]] * 2


@pytest.mark.parametrize("length", range(5))
def test_the_archive_begins_at_a_multiple_of_four(length: int, tmp_path: Path) -> None:
    own = b"\x1f\x8bxx"[:length]
    (tmp_path / "own").write_bytes(own)
    inject(tmp_path / "own", ADDED, tmp_path / "made")
    made = (tmp_path / "made").read_bytes()
    assert made.startswith(own)
    begin = made.index(b"070701")
    assert begin % 4 == 0
    assert set(made[length:begin]) <= {0}
    unpack(made[begin:], tmp_path / "root")
    assert (tmp_path / "root/ks.cfg").read_bytes() == b"text\n"
    assert (tmp_path / "own").read_bytes() == own


def test_a_missing_initrd_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"(?s)initrd.*nowhere"):
        inject(tmp_path / "nowhere", ADDED, tmp_path / "made")
