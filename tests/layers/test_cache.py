from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builder.layers import Layer, LayerCache
from tests.folders import names

RECORD = {"title": "timezone UTC", "seconds": 1.5}


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    return LayerCache(tmp_path / "layers")


def staged(cache: LayerCache, content: str = "disk", number: int = 1) -> Path:
    path = cache.staging("owner", number)
    path.write_text(content)
    return path


def commit(cache: LayerCache, key: str, content: str = "disk", parent: Layer | None = None) -> Layer:
    assert cache.commit(key, staged(cache, content), RECORD, parent)
    layer = cache.find(key, parent)
    assert layer is not None
    return layer


def test_nothing_is_found_in_nothing(cache: LayerCache) -> None:
    assert cache.find("key") is None
    assert not cache.folder.exists(), "looking writes nothing"


def test_what_is_committed_is_found(cache: LayerCache) -> None:
    layer = commit(cache, "key")
    assert layer.disk == cache.folder / "key.qcow2"
    assert layer.disk.read_text() == "disk"
    assert layer.disk.stat().st_mode & 0o777 == 0o444
    assert {key: layer.record[key] for key in RECORD} == RECORD
    assert names(cache.folder) == [".lock", "key.json", "key.qcow2"]


def test_a_layer_stands_on_that_very_parent(cache: LayerCache) -> None:
    base = commit(cache, "base")
    child = commit(cache, "child", parent=base)
    assert cache.find("child", base) == child
    assert cache.find("child") is None
    assert cache.find("base", child) is None

    # The same key made again has other blocks.
    base.disk.unlink()
    again = commit(cache, "base")
    assert again.id != base.id
    assert cache.find("child", again) is None
    assert commit(cache, "child", "disk on the new base", again).disk.read_text() == "disk on the new base"
    assert cache.find("child", base) is None


def test_somebody_else_came_first(cache: LayerCache) -> None:
    first = commit(cache, "key", "first")
    late = staged(cache, "second")
    assert not cache.commit("key", late, {"title": "second"})
    assert late.read_text() == "second", "what is staged is untouched"
    assert late.stat().st_mode & 0o200
    assert cache.find("key") == first
    assert first.disk.read_text() == "first"


def test_a_disk_without_its_record_is_no_layer(cache: LayerCache) -> None:
    commit(cache, "key").disk.with_suffix(".json").unlink()
    assert cache.find("key") is None
    assert commit(cache, "key", "made again").disk.read_text() == "made again"


def test_a_record_without_its_disk_is_no_layer(cache: LayerCache) -> None:
    commit(cache, "key").disk.unlink()
    assert cache.find("key") is None


@pytest.mark.parametrize(
    "content", [b"", b'{"id": "1", "par', b"[]", b"\0" * 100, b"\xff", b"{}", b'{"parent": null}', b'{"id": "1"']
)
def test_an_unreadable_record_is_a_miss(cache: LayerCache, content: bytes) -> None:
    layer = commit(cache, "key")
    cache.marker("key").write_bytes(content)
    assert cache.find("key") is None
    again = commit(cache, "key", "made again")
    assert (again.disk.read_text(), again.id != layer.id) == ("made again", True)


def test_a_commit_that_fails_leaves_no_layer(cache: LayerCache) -> None:
    with pytest.raises(FileNotFoundError):
        cache.commit("key", cache.staging("owner", 1), RECORD)
    assert cache.find("key") is None


def test_sweep_removes_what_the_dead_left(cache: LayerCache) -> None:
    layer = commit(cache, "key")
    paths = [cache.staging(owner, number) for owner in ("alive", "dead", "tmp-x_1") for number in (1, 20)]
    for path in paths:
        path.write_text("")
    (cache.folder / ".key.json.4711.tmp").write_text('{"id')  # killed while it wrote a record
    cache.sweep({"alive", "other"})
    assert not list(cache.folder.glob("*.tmp"))
    assert [path.name for path in paths if path.exists()] == [".alive-1.qcow2", ".alive-20.qcow2"]
    assert cache.find("key") == layer
    LayerCache(cache.folder / "none").sweep(())


def test_used_is_remembered(cache: LayerCache) -> None:
    layer = commit(cache, "key")
    os.utime(cache.marker("key"), (0, 0))
    assert cache.used(layer)
    assert cache.marker("key").stat().st_mtime > 0
    cache.marker("key").unlink()
    assert not cache.used(layer), "it was freed"
    commit(cache, "key")
    assert not cache.used(layer), "and is another one now"


COMMIT = """
import json, sys
from pathlib import Path
from builder.layers import LayerCache
from tests.folders import names
cache, me = LayerCache(Path(sys.argv[1])), sys.argv[2]
staged = []
for number in range(100):
    staged.append(cache.staging(me, number))
    staged[-1].write_text(me)
print("ready", flush=True)
sys.stdin.read()
print(json.dumps([cache.commit(str(number), path, {"by": me}) for number, path in enumerate(staged)]))
"""


def test_two_processes_commit_at_once(cache: LayerCache) -> None:
    """For every key one of them is first; its disk and its record stand together."""
    names = ("one", "other")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COMMIT, str(cache.folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    first: dict[str, list[Any]] = {}
    for name, process in zip(names, processes, strict=True):
        first[name] = json.loads(process.communicate(timeout=60)[0])
        assert process.returncode == 0
    for number in range(100):
        layer = cache.find(str(number))
        assert layer is not None
        winner = layer.record["by"]
        assert layer.disk.read_text() == winner
        assert [first[name][number] for name in names] == [name == winner for name in names]
        (loser,) = {*names} - {winner}
        assert cache.staging(loser, number).exists()
        assert not cache.staging(winner, number).exists()


def test_one_at_a_time_makes_an_entry(cache: LayerCache) -> None:
    """Killed, it is in nobody's way, and swept; what is being made is not."""
    script = (
        "import sys, time; from pathlib import Path; from builder.layers import LayerCache\n"
        "with LayerCache(Path(sys.argv[1])).making('key', on_wait=lambda: None):\n"
        "    print('made', flush=True); time.sleep(60)"
    )
    waited = []
    command = [sys.executable, "-c", script, str(cache.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout
        assert maker.stdout.readline() == "made\n"
        with cache.making("other", on_wait=lambda: waited.append("other")):
            cache.sweep(())
            assert names(cache.folder) == [".key.lock", ".lock", ".other.lock"]

        def end_it() -> None:
            waited.append("key")
            maker.kill()

        with cache.making("key", on_wait=end_it):
            assert waited == ["key"]
    (cache.folder / ".left.lock").touch()
    cache.sweep(())
    assert names(cache.folder) == [".lock"]
