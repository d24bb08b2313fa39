"""The contract of every store of the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from builder import files, locks
from builder.appliance.saved import SavedStates
from builder.guest.package_caches import PackageCaches
from builder.layers import LayerCache
from builder.layers.work import work_folder
from builder.offline.inspections import Inspections
from builder.paths import Output
from builder.prune.cache import CacheLimits, free
from builder.prune.cache.stores import find_stores
from builder.storage import CacheEntry, Kind, PrunableStore
from tests.crashes import killed_at
from tests.folders import snapshot
from tests.nodes.templates import GUEST

SHA256 = "ab" * 32


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


@dataclass(frozen=True)
class Case:
    """How to create one kind of entry.

    `add` creates an entry, `add_unfinished` what a killed process leaves of one; `found` says whether a build finds
    it. The entry is in use while `using` is held.
    """

    kind: Kind
    add: Callable[[Output], None]
    found: Callable[[Output], bool]
    add_unfinished: Callable[[Output], None] | None = None
    using: Callable[[Output], AbstractContextManager[None]] | None = None


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 5000)


def disk_case(kind: Kind, folder: Callable[[Output], Path]) -> Case:
    def add(output: Output) -> None:
        cache = LayerCache(folder(output))
        staged = cache.staging("owner", 1)
        touch(staged)
        assert cache.commit("key", staged, {"title": "a step"})

    def found(output: Output) -> bool:
        return LayerCache(folder(output)).find("key") is not None

    @contextmanager
    def using(output: Output) -> Iterator[None]:
        cache = LayerCache(folder(output))
        layer = cache.find("key")
        assert layer
        with work_folder(output):
            assert cache.used(layer)
            yield

    return Case(kind, add, found, lambda output: touch(LayerCache(folder(output)).disk("key")), using)


def add_appliance(output: Output) -> None:
    states = SavedStates(output.appliance)
    staged = states.stage("key")
    for path in (staged.ram, staged.root):
        touch(path)
    files.write_json(staged.marker, {})
    states.commit(staged, "key")


def add_inspection(output: Output) -> None:
    touch(output.root / "some.img")
    Inspections(output.inspections).keep(output.root / "some.img", GUEST)


PACKAGES = PackageCaches.name(GUEST)

CASES = [
    disk_case("base", lambda output: output.bases),
    disk_case("layer", lambda output: output.layers),
    Case(
        "download",
        lambda output: touch(output.downloads / SHA256),
        lambda output: (output.downloads / SHA256).exists(),
        using=lambda output: locks.held(output.downloads / f".{SHA256}.lock"),
    ),
    Case(
        "packages",
        lambda output: touch(PackageCaches(output.packages).disk(PACKAGES)),
        lambda output: PackageCaches(output.packages).disk(PACKAGES).exists(),
        lambda output: touch(PackageCaches(output.packages).staged(PACKAGES)),
        lambda output: locks.held(PackageCaches(output.packages).lock(PACKAGES)),
    ),
    Case(
        "appliance",
        add_appliance,
        lambda output: SavedStates(output.appliance).state("key").exists,
        lambda output: touch(SavedStates(output.appliance).stage("key").ram),
    ),
    Case(
        "inspection",
        add_inspection,
        lambda output: Inspections(output.inspections).find(output.root / "some.img") is not None,
    ),
]

every_kind = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
some_with_unfinished = pytest.mark.parametrize(
    "case", [case for case in CASES if case.add_unfinished], ids=lambda case: case.kind
)
some_with_users = pytest.mark.parametrize("case", [case for case in CASES if case.using], ids=lambda case: case.kind)


def store_of(case: Case, output: Output) -> PrunableStore:
    [store] = [store for store in find_stores(output) if case.kind in store.kinds]
    return store


def only_entry(case: Case, output: Output) -> CacheEntry:
    [entry] = store_of(case, output).entries()
    assert entry.kind == case.kind
    return entry


def test_every_kind_has_one_store_and_one_case(output: Output) -> None:
    kinds = sorted(kind for store in find_stores(output) for kind in store.kinds)
    assert kinds == sorted(get_args(Kind)) == sorted(case.kind for case in CASES)


@every_kind
def test_an_empty_store(case: Case, output: Output) -> None:
    assert list(store_of(case, output).entries()) == []
    assert not output.root.exists(), "listing writes nothing"


@every_kind
def test_an_entry_is_listed_and_freed(case: Case, output: Output) -> None:
    case.add(output)
    store = store_of(case, output)
    before = snapshot(output.root)
    entry = only_entry(case, output)
    assert snapshot(output.root) == before
    assert (entry.useless, entry.in_use) == (None, None)
    assert entry.bytes == sum(path.stat().st_blocks * 512 for path in entry.paths) > 0
    assert case.found(output)
    with store.locked():
        store.free(entry)
        store.free(entry)  # harmless
    assert not case.found(output)
    assert not any(path.exists() for path in entry.paths)
    assert list(store.entries()) == []
    case.add(output)
    assert case.found(output), "it can be made again"


@some_with_unfinished
def test_an_unfinished_entry_is_useless(case: Case, output: Output) -> None:
    assert case.add_unfinished
    case.add_unfinished(output)
    assert not case.found(output)
    entry = only_entry(case, output)
    assert entry.useless == "it was never finished"
    store_of(case, output).free(entry)
    assert list(store_of(case, output).entries()) == []


@some_with_users
def test_an_entry_in_use_says_so(case: Case, output: Output) -> None:
    assert case.using
    case.add(output)
    with case.using(output):
        entry = only_entry(case, output)
        assert entry.in_use
        assert not entry.useless
    assert only_entry(case, output).in_use is None


def test_a_part_of_a_download_is_kept_and_in_use_while_it_grows(output: Output) -> None:
    case = next(case for case in CASES if case.kind == "download")
    touch(output.downloads / f"{SHA256}.part")
    entry = only_entry(case, output)
    assert (entry.title, entry.useless, entry.in_use) == ("an unfinished download", None, None)
    assert case.using
    with case.using(output):
        assert only_entry(case, output).in_use == "a running download"


def test_an_appliance_that_is_being_saved_is_in_use(output: Output) -> None:
    case = next(case for case in CASES if case.kind == "appliance")
    states = SavedStates(output.appliance)
    with states.saving():
        touch(states.stage("key").ram)
        entry = only_entry(case, output)
    assert (entry.useless, entry.in_use) == (None, "another golden process")


@every_kind
def test_killed_while_an_entry_is_freed(case: Case, output: Output) -> None:
    """The entry is complete, or nobody finds it; what is left is listed, and freed the next time."""
    store = store_of(case, output)
    case.add(output)
    count = len(only_entry(case, output).paths)
    for number in range(1, count + 1):
        with killed_at(number):
            store.free(only_entry(case, output))
        left = list(store.entries())
        whole = [len(entry.paths) for entry in left] == [count]
        assert case.found(output) == whole == (number == 1)
        assert whole or all(entry.useless for entry in left)
        for entry in left:
            store.free(entry)
        assert list(store.entries()) == []
        case.add(output)


def test_a_link_in_the_cache_is_never_followed(output: Output, tmp_path: Path) -> None:
    """Whoever puts a link there loses neither what it points to, nor the other entries their pruning."""
    victim = tmp_path / "victim"
    touch(victim / "folder/file")
    for folder in (output.appliance, output.downloads, output.layers, output.bases, output.inspections):
        folder.mkdir(parents=True)
        (folder / ("0" * 16)).symlink_to(victim)
        (folder / f"{'1' * 64}.qcow2").symlink_to(victim)
        (folder / "loop").symlink_to("loop")
        (folder / "loop.json").symlink_to("loop.json")
    before = snapshot(victim)
    touch(output.downloads / SHA256)
    plan = free(CacheLimits(max_size=0), output)
    assert [each.entry.key for each in plan.freed] == [SHA256]
    assert snapshot(victim) == before
