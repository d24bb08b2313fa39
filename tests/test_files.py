from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder import files
from tests.folders import names


def test_write(tmp_path: Path) -> None:
    file = tmp_path / "file"
    files.write(file, "ä\n")
    assert file.read_bytes() == b"\xc3\xa4\n"
    files.write(file, b"\xff", 0o600)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"\xff", 0o600)
    assert names(tmp_path) == ["file"]


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path) -> None:
    file, contents = tmp_path / "file", [letter * 100_000 for letter in "ab"]
    files.write(file, contents[0])
    seen: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.add(file.read_text())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(50):
        files.write(file, contents[number % 2])
    stop.set()
    watcher.join()
    assert seen <= set(contents)


def test_a_failed_write_leaves_the_old(tmp_path: Path) -> None:
    """A folder cannot be replaced by a file."""
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write(taken, "new")
    with pytest.raises(FileNotFoundError):
        files.write(tmp_path / "none/file", "new")
    assert (names(tmp_path), taken.is_dir()) == (["taken"], True)


def test_move(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    target.write_text("old")
    files.move(source, target)
    assert (names(tmp_path), target.read_text()) == (["target"], "new")
    with pytest.raises(FileNotFoundError):
        files.move(source, target)
    assert target.read_text() == "new"


def test_json(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    assert files.read_json(file) is None
    files.write_json(file, {"name": "é", "list": [1]})
    assert file.read_text() == '{\n  "name": "é",\n  "list": [\n    1\n  ]\n}\n'
    assert files.read_json(file) == {"name": "é", "list": [1]}
    assert files.read_json(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"a": 1} x', b"\xff\xfe", b"\0" * 4096])
def test_what_is_no_object_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.json").write_bytes(content)
    assert files.read_json(tmp_path / "file.json") is None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, 60))
def test_a_truncated_file_is_none(tmp_path: Path, length: int) -> None:
    whole = json.dumps({"id": "0123456789", "parent": None, "seconds": 1.5, "log": "ä"})
    (tmp_path / "file.json").write_text(whole[: min(length, len(whole) - 1)])
    assert files.read_json(tmp_path / "file.json") is None
