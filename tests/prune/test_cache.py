"""Freeing the caches: never an entry that is in use, or that a kept entry is based on."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from builder import locks
from builder.cli import app
from builder.errors import RequestError
from builder.layers import Layer, LayerCache
from builder.layers.work import work_folder
from builder.paths import Output
from builder.prune.cache import CacheLimits, foresee, free, list_entries, plan_free
from builder.prune.cache.plan import DAY
from builder.storage import CacheEntry
from builder.store import Store
from tests.crashes import every_death
from tests.folders import snapshot
from tests.nodes.templates import fabricate
from tests.store.manifests import make_action

NOW = 1_000_000_000.0
SIZE = 64 << 10


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


def commit(folder: Path, key: str, parent: Layer | None = None, *, age: float = 10) -> Layer:
    """A disk of SIZE in a cache, last used that many days ago."""
    cache = LayerCache(folder)
    staged = cache.staging("me", 1)
    staged.write_bytes(b"x" * SIZE)
    assert cache.commit(key, staged, {"title": f"the step {key}", "log": ""}, parent)
    layer = cache.find(key, parent)
    assert layer
    used(cache.marker(key), age)
    return layer


def used(path: Path, days: float) -> None:
    at = path.stat().st_mtime - days * DAY
    os.utime(path, (at, at))


def keys(output: Output) -> set[str]:
    return {entry.key for entry in list_entries(output)}


def chain(output: Output) -> list[Layer]:
    """A base, a chain of two layers on it, and a layer beside the second, last used at different times."""
    base = commit(output.bases, "base", age=40)
    one = commit(output.layers, "one", base, age=30)
    two = commit(output.layers, "two", one, age=10)
    return [base, one, two, commit(output.layers, "side", base, age=20)]


def test_an_empty_cache(output: Output) -> None:
    assert list_entries(output) == []
    assert foresee(CacheLimits(0, 0), output).freed == ()
    assert not output.root.exists(), "listing writes nothing"


def test_the_least_recently_used_entries_go_first(output: Output) -> None:
    chain(output)
    before = snapshot(output.root)
    total = sum(entry.bytes for entry in list_entries(output))
    assert [each.entry.key for each in foresee(CacheLimits(total), output).freed] == []
    assert [each.entry.key for each in foresee(CacheLimits(total - 1), output).freed] == ["side"]
    everything = foresee(CacheLimits(0), output)
    assert [each.entry.key for each in everything.freed] == ["side", "two", "one", "base"], (
        "children before their parents"
    )
    assert everything.bytes == total
    assert snapshot(output.root) == before
    assert [each.reason for each in free(CacheLimits(days=15), output).freed] == ["not used for 20 days"]
    assert keys(output) == {"base", "one", "two"}
    free(CacheLimits(0), output)
    assert list(output.bases.glob("[!.]*")) == list(output.layers.glob("[!.]*")) == []


def test_entries_of_versions_with_a_channel_go_last(output: Output) -> None:
    chain(output)
    actions = [{"step": "base", "key": "base"}, {"step": "x", "key": "side"}]
    fabricate(output, "web", actions=[make_action(**action) for action in actions])
    fabricate(output, "db", actions=[make_action("x", key="two")])
    (output.templates / "db/latest").unlink()
    assert {entry.key: bool(entry.version) for entry in list_entries(output)} == {
        "base": True,
        "one": False,
        "two": False,
        "side": True,
    }
    assert [each.entry.key for each in foresee(CacheLimits(0), output).freed] == ["two", "one", "side", "base"]
    assert [each.entry.key for each in foresee(CacheLimits(days=15), output).freed] == ["side"], (
        "its age counts all the same"
    )
    assert f"  used for web:{Store(output.templates).find('web').name}\n" in run(output, "list").stdout


def test_useless_entries_go_first(output: Output) -> None:
    base, *_ = chain(output)
    commit(output.layers, "orphan", Layer("x", Path(), {"id": "gone"}), age=1)
    child = commit(output.layers, "child", LayerCache(output.layers).find("orphan", Layer("x", Path(), {"id": "gone"})))
    (output.layers / "disk.qcow2").write_bytes(b"")
    (output.layers / "torn.json").write_text("{")
    (output.layers / "torn.qcow2").write_bytes(b"")
    (output.layers / "marker.json").write_text('{"id": "m", "parent": null}')
    (output.layers / "one.fresh").write_text("{}")
    assert child.record["parent"]
    expected = {
        "orphan": "its parent layer was replaced or removed",
        "child": "its parent layer was replaced or removed",
        "disk": "it was never finished",
        "torn": "it was never finished",
        "marker": "its disk file is missing",
    }
    assert {each.entry.key: each.reason for each in foresee(CacheLimits(), output).freed} == expected
    free(CacheLimits(), output)
    assert keys(output) == {"base", "one", "two", "side"}
    assert (output.layers / "one.fresh").exists(), "a generation is not an entry"
    # A rebuilt base is another disk, and layers on the old one are useless.
    LayerCache(output.bases).marker("base").unlink()
    assert commit(output.bases, "base").id != base.id
    assert {each.entry.key for each in free(CacheLimits(), output).freed} == {"one", "two", "side"}


def test_entries_that_a_running_build_uses(output: Output) -> None:
    base, one, two, _ = chain(output)
    with work_folder(output):
        assert LayerCache(output.layers).used(one)
        assert {each.entry.key for each in foresee(CacheLimits(0, 0), output).freed} == {"two", "side"}
        assert {entry.key: entry.in_use for entry in list_entries(output) if entry.in_use} == {"one": "a running build"}
        free(CacheLimits(0, 0), output)
        assert keys(output) == {"base", "one"}, "and its parent"
    assert not LayerCache(output.layers).used(two), "it was freed: a build has to make it again"
    assert LayerCache(output.bases).used(base)
    free(CacheLimits(0), output)
    assert keys(output) == set()


def test_a_clock_that_is_set_back_during_a_build(output: Output) -> None:
    chain(output)
    with work_folder(output) as work:
        used(work / "begun", -10)
        assert foresee(CacheLimits(0, 0), output).freed == ()
        (work / "begun").unlink()
        assert foresee(CacheLimits(0, 0), output).freed == ()


def test_no_build_begins_meanwhile(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    chain(output)
    held: list[object] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        locked = (output.work / ".lock", output.bases / ".lock", output.layers / ".lock")
        held.extend(locks.try_hold(lock) for lock in locked)
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", watched)
        free(CacheLimits(0), output)
    assert held == [None] * 3 * 8


@pytest.fixture
def others(output: Output) -> Output:
    """One entry of each other kind, and what killed processes left."""
    for path in (
        "downloads/aaaa",
        "downloads/bbbb.part",
        "downloads/.aaaa.lock",
        "packages/debian-12-x86_64.raw",
        "packages/debian-12-x86_64.lock",
        "packages/.centos-7-x86_64.raw.new",
        "appliance/.lock",
        "appliance/cccc/state.json",
        "appliance/cccc/ram",
        "appliance/dddd/ram",
        "appliance/.eeee.x/ram",
        "secret-key",
    ):
        file = output.cache / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * SIZE)
    output.inspections.mkdir()
    (output.inspections / "ffff.json").write_text('{"disk": {"path": "/disk"}, "guest": {}}')
    return output


def test_the_other_caches(others: Output) -> None:
    found = {(entry.kind, entry.key): entry for entry in list_entries(others)}
    assert [*found] == [
        ("download", "aaaa"),
        ("download", "bbbb.part"),
        ("packages", "debian-12-x86_64"),
        ("packages", ".centos-7-x86_64.raw.new"),
        ("appliance", ".eeee.x"),
        ("appliance", "cccc"),
        ("appliance", "dddd"),
        ("inspection", "ffff"),
    ]
    useless = {key for (_, key), entry in found.items() if entry.useless}
    assert useless == {".centos-7-x86_64.raw.new", ".eeee.x", "dddd"}
    assert found["inspection", "ffff"].title == "/disk"
    assert found["appliance", "cccc"].bytes >= 2 * SIZE
    free(CacheLimits(), others)
    assert len(keys(others)) == 5
    free(CacheLimits(0), others)
    assert keys(others) == set()
    assert sorted(path.name for path in others.appliance.iterdir()) == [".lock"]
    assert (others.cache / "secret-key").exists()


def test_the_other_caches_in_use(others: Output) -> None:
    with (
        locks.held(others.downloads / ".bbbb.lock"),
        locks.held(others.packages / "debian-12-x86_64.lock"),
        locks.held(others.packages / "centos-7-x86_64.lock"),
        locks.held(others.appliance / ".lock"),
    ):
        free(CacheLimits(0), others)
        stay = {"bbbb.part", "debian-12-x86_64", ".centos-7-x86_64.raw.new", ".eeee.x"}
        assert stay <= keys(others) <= {*stay, "dddd"}
    free(CacheLimits(0), others)
    assert keys(others) == set()


def test_killed_at_any_moment(output: Output, tmp_path: Path) -> None:
    base, one, two, _ = chain(output)
    shutil.copytree(output.root, tmp_path / "saved")

    def restore() -> None:
        shutil.rmtree(output.root)
        shutil.copytree(tmp_path / "saved", output.root)

    for _ in every_death(lambda: free(CacheLimits(0, 15), output), restore):
        for layer, parent, cache in (
            (base, None, LayerCache(output.bases)),
            (one, base, LayerCache(output.layers)),
            (two, one, LayerCache(output.layers)),
        ):
            found = cache.find(layer.key, parent)
            if found:
                assert found.disk.read_bytes() == b"x" * SIZE
                assert parent is None or parent.disk.exists(), "its parent exists"
        free(CacheLimits(0), output)
        assert keys(output) == set()
        assert [*output.layers.glob("*.qcow2"), *output.bases.glob("*.qcow2")] == []


# --- any cache ---------------------------------------------------------------------------------


@st.composite
def stocks(draw: st.DrawFn) -> list[CacheEntry]:
    """A forest: each entry has an earlier one as its parent, or none; children of useless entries are useless."""
    entries: list[CacheEntry] = []
    for number in range(draw(st.integers(0, 15))):
        parent = draw(st.sampled_from([None, *entries]))
        useless = "x" if parent and parent.useless else draw(st.sampled_from((None, None, None, "x")))
        entries.append(
            CacheEntry(
                "layer",
                str(number),
                (),
                draw(st.integers(0, 100)),
                NOW - draw(st.integers(-3, 60)) * DAY,
                id=f"id{number}",
                parent=parent.id if parent else None,
                useless=useless,
                in_use=draw(st.sampled_from((None, None, None, None, "y"))),
                version=draw(st.sampled_from((None, None, "z"))),
            )
        )
    return draw(st.permutations(entries))


def ancestors(entry: CacheEntry, known: dict[str | None, CacheEntry]) -> Iterator[CacheEntry]:
    while entry.parent in known:
        entry = known[entry.parent]
        yield entry


@given(stocks(), st.builds(CacheLimits, st.none() | st.integers(0, 800), st.none() | st.integers(0, 60)))
def test_no_needed_entry_is_freed(entries: list[CacheEntry], limits: CacheLimits) -> None:
    plan = plan_free(entries, limits, NOW)
    gone = {each.entry.key for each in plan.freed}
    kept = {entry.key for entry in plan.kept}
    assert gone | kept == {entry.key for entry in entries}
    assert not gone & kept
    known: dict[str | None, CacheEntry] = {entry.id: entry for entry in entries}
    needed = {entry.key for entry in entries if entry.in_use}
    needed |= {below.key for entry in entries if entry.in_use for below in ancestors(entry, known)}
    assert not gone & needed
    for entry in plan.kept:
        if not entry.useless:
            assert all(below.key in kept or below.useless for below in ancestors(entry, known))
        assert not entry.useless or entry.key in needed, "useless entries are freed"
    free_ones = [entry for entry in plan.kept if entry.key not in needed]
    if limits.max_size is not None and free_ones:
        assert sum(entry.bytes for entry in plan.kept) <= limits.max_size
    if limits.days is not None:
        for entry in free_ones:
            # Reading a layer reads its parents.
            above = [each.used for each in entries if entry in list(ancestors(each, known))]
            assert NOW - max(entry.used, *above, -math.inf) <= limits.days * DAY
    if None in (limits.max_size, limits.days):
        left = [entry for entry in entries if entry.key in kept]
        assert plan_free(left, limits, NOW).freed == (), "a second time there is nothing to free"


# --- the commands --------------------------------------------------------------------------------


def run(output: Output, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["cache", *arguments, "--output", str(output.root)])


def test_the_commands(output: Output) -> None:
    chain(output)
    done = run(output, "list")
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["layer", "side"],
        ["layer", "two"],
        ["layer", "one"],
        ["base", "base"],
    ]
    assert done.stdout.splitlines()[0].endswith("  the step side")
    assert done.stderr.startswith("4 entries, ")
    rows = json.loads(run(output, "list", "--json").stdout)
    assert {*rows[0]} == {"kind", "key", "title", "bytes", "used", "useless", "in_use", "made"}
    done = run(output, "prune", "--days", "15")
    assert done.stdout.rstrip().endswith("not used for 20 days")
    assert done.stderr.startswith("1 entries would be removed, ")
    assert len(keys(output)) == 4
    found = json.loads(run(output, "prune", "--max-size", "0", "--yes", "--json").stdout)
    assert (found["removed"], len(found["entries"])) == (True, 4)
    assert keys(output) == set()
    assert run(output, "prune").stderr == "nothing to remove; 0 B kept\n"
    done = run(output, "prune", "--max-size", "20x")
    assert isinstance(done.exception, RequestError)
    assert done.exception.where == "--max-size 20x"
