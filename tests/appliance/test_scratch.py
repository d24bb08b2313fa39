"""Scratch folders, and the cleanup after killed processes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from builder.appliance.scratch import ARGV, new_scratch, scratch_folder
from tests.folders import names


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_a_folder_is_removed_at_the_end(place: Path) -> None:
    with scratch_folder() as folder:
        (folder / "qmp").touch()
        assert folder.name.startswith(f"golden-{os.getpid()}-")
    assert names(place) == []


def test_folders_of_killed_processes_are_removed(place: Path, dead: int) -> None:
    left = place / f"golden-{dead}-abc"
    others = [place / name for name in (f"golden-{os.getpid()}-abc", "golden-x-abc", "golden", "libguestfsOTHERS")]
    owns = [place / f"libguestfs{name}" for name in ("AAAAAA", "b1_2c3")]
    for folder in (left, *others, *owns):
        folder.mkdir()
    (owns[0] / "devnull1.img").touch()
    argv = ["-drive", f"file={owns[0]}/devnull1.img,if=none", "-chardev", f"socket,path={owns[1]}/guestfsd.sock,id=c"]
    (left / ARGV).write_text(json.dumps([*argv, "-kernel", str(others[-1] / "kernel")]))
    made = new_scratch()
    assert names(place) == sorted(folder.name for folder in (made, *others))


@pytest.mark.parametrize(
    "path", ["{place}/mine/file", "{place}/libguestfs/file", "{place}/libguestfsAAAAAA", "libguestfsAAAAAA/x"]
)
def test_no_other_folder_is_removed(place: Path, dead: int, path: str) -> None:
    left = place / f"golden-{dead}-abc"
    for folder in (left, place / "mine", place / "libguestfs", place / "libguestfsAAAAAA"):
        folder.mkdir()
    (left / ARGV).write_text(json.dumps(["-drive", f"file={path.format(place=place)},if=none"]))
    made = new_scratch()
    assert names(place) == sorted([made.name, "mine", "libguestfs", "libguestfsAAAAAA"])


def test_a_folder_of_another_user_is_not_trusted(place: Path, dead: int) -> None:
    ours = place / "libguestfsAAAAAA"
    ours.mkdir()
    left = place / f"golden-{dead}-abc"
    left.mkdir()
    (left / ARGV).write_text(json.dumps(["-drive", f"file={ours}/devnull1.img"]))
    os.chown(left, 65534, 65534)
    new_scratch()
    assert ours.is_dir()
