from __future__ import annotations

import json
import os
import threading
from datetime import date
from pathlib import Path

import pytest

from builder.errors import HostError, RequestError
from builder.paths import Output
from builder.store import Store, Version
from builder.store.manifest import REBUILD
from tests.folders import names
from tests.nodes.templates import GUEST, fabricate
from tests.store.manifests import make_manifest

TODAY = date(2026, 11, 23)
OLD, NEW, NEWEST = "20261122.1-00000000", "20261123.2-0123abcd", "20261123.10-ab12cd34"


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "templates")


def make(store: Store, name: str, template: str = "web") -> Version:
    """Add a version as a build does."""
    staged = store.folder.parent / "work"
    staged.mkdir(parents=True)
    for file, content in (
        ("disk.qcow2", "disk"),
        ("manifest.json", json.dumps(make_manifest(template, name))),
        ("build.log", ""),
    ):
        (staged / file).write_text(content)
    return store.admit(staged, template, name)


def refusal(store: Store, reference: str) -> str:
    with pytest.raises(RequestError) as caught:
        store.find(reference)
    return str(caught.value)


def test_an_empty_store(store: Store) -> None:
    assert store.templates() == []
    assert store.versions("web") == []
    assert store.channels("web") == {}
    assert store.find_channel("web") is None
    assert store.next_name("web", TODAY, "ab" * 32) == "20261123.1-abababab"
    assert not store.folder.exists(), "looking writes nothing"
    assert refusal(store, "web") == ("no such template: web\nhint: run `golden build RECIPE` to build a template")


def test_versions_are_listed_by_age(store: Store) -> None:
    for name in (NEWEST, OLD, NEW):
        make(store, name)
    make(store, OLD, "db")
    assert store.templates() == ["db", "web"]
    assert [version.name for version in store.versions("web")] == [OLD, NEW, NEWEST]


def test_a_version_is_whole_and_read_only(store: Store) -> None:
    version = make(store, NEW)
    assert str(version) == f"web:{NEW}"
    assert version.folder == store.folder / "web" / NEW
    assert {file.name: file.stat().st_mode & 0o777 for file in version.folder.iterdir()} == {
        "disk.qcow2": 0o444,
        "manifest.json": 0o444,
        "build.log": 0o444,
    }
    assert version.manifest.model_dump(mode="json") == make_manifest("web", NEW)
    assert version.disk.read_text() == "disk"
    assert not (store.folder.parent / "work").exists()


def test_a_manifest_of_before_there_were_parents(store: Store) -> None:
    version = make(store, NEW)
    written = json.loads(version.manifest_file.read_text())
    version.manifest_file.chmod(0o644)
    version.manifest_file.write_text(json.dumps({k: v for k, v in written.items() if k not in ("parent", "kept")}))
    assert version.manifest.parent is None
    assert (version.manifest.kept.paths, version.manifest.kept.users) == ([], [])


def test_a_version_is_never_replaced(store: Store) -> None:
    make(store, NEW)
    staged = store.folder.parent / "work"
    staged.mkdir()
    (staged / "manifest.json").write_text("{}")
    with pytest.raises(OSError, match="not empty"):
        store.admit(staged, "web", NEW)
    assert [version.manifest.summary for version in store.versions("web")] == ["a web server"]
    assert staged.exists()


def test_what_is_damaged_is_said(store: Store) -> None:
    version = make(store, NEW)
    version.disk.rename(version.folder / "disk.raw")
    assert version.disk.name == "disk.raw"
    version.disk.unlink()
    with pytest.raises(HostError, match=f"the disk of web:{NEW} is missing"):
        _ = version.disk
    version.manifest_file.chmod(0o644)
    version.manifest_file.write_text('{"version": ')
    with pytest.raises(HostError) as caught:
        _ = version.manifest
    assert str(caught.value) == f"{version.manifest_file}: the manifest of web:{NEW} cannot be read\nhint: {REBUILD}"
    version.manifest_file.write_text(json.dumps(make_manifest("web", NEW, created=None, audit=[{"ok": True}, {}])))
    with pytest.raises(HostError) as caught:
        _ = version.manifest
    assert str(caught.value) == (
        f"{version.manifest_file}: the manifest of web:{NEW} is damaged\n"
        "  created: Input should be a valid string\n"
        "  audit.1.ok: Field required\n"
        f"hint: {REBUILD}"
    )


def test_what_is_half_there_is_never_listed(store: Store) -> None:
    make(store, OLD)
    folder = store.folder / "web"
    (folder / NEW).mkdir()  # no manifest
    (folder / NEW / "disk.qcow2").write_text("half")
    (folder / f".{NEWEST}").mkdir()
    (folder / f".{NEWEST}" / "manifest.json").write_text("{}")
    (folder / "20261124.1-12345678").write_text("a file")
    (folder / "20261124.2-12345678").symlink_to(OLD)
    (folder / "notes").mkdir()
    (folder / ".latest.4711").symlink_to(NEWEST)  # killed while it moved a channel
    (store.folder / "empty").mkdir()
    (store.folder / "file").write_text("")
    assert store.templates() == ["web"]
    assert [version.name for version in store.versions("web")] == [OLD]
    assert list(store.channels("web")) == ["20261124.2-12345678"]
    assert NEW in refusal(store, f"web:{NEW}")


def test_a_number_is_not_given_twice(store: Store) -> None:
    make(store, "20261122.7-00000000")
    assert store.next_name("web", TODAY, "ff" * 32) == "20261123.1-ffffffff"
    make(store, "20261123.9-00000000")
    assert store.next_name("web", TODAY, "ff" * 32) == "20261123.10-ffffffff"
    (store.folder / "web/20261123.10-12345678").mkdir()  # damaged: nothing in it
    assert store.next_name("web", TODAY, "ff" * 32) == "20261123.11-ffffffff"
    assert store.next_name("db", TODAY, "ff" * 32) == "20261123.1-ffffffff"


def test_channels(store: Store) -> None:
    for name in (OLD, NEW):
        make(store, name)
    store.point("web", "latest", OLD)
    store.point("web", "stable", OLD)
    store.point("web", "latest", NEW)
    assert store.channels("web") == {"latest": NEW, "stable": OLD}
    assert (store.folder / "web/latest").readlink() == Path(NEW), "relative, so that the folder can move"
    assert names(store.folder / "web") == [OLD, NEW, "history.jsonl", "latest", "stable"]
    found = store.find_channel("web")
    assert found is not None
    assert found.name == NEW
    (store.folder / "web" / NEW / "manifest.json").unlink()
    assert store.find_channel("web") is None


def test_what_died_while_pointing_is_no_obstacle(store: Store) -> None:
    make(store, NEW)
    (store.folder / f"web/.latest.{os.getpid()}").symlink_to("nowhere")
    store.point("web", "latest", NEW)
    assert store.channels("web") == {"latest": NEW}


def test_a_channel_moves_in_one_step(store: Store) -> None:
    for name in (OLD, NEW):
        make(store, name)
    store.point("web", "latest", OLD)
    seen: list[Version | None] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(store.find_channel("web"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(100):
        store.point("web", "latest", (OLD, NEW)[number % 2])
    stop.set()
    watcher.join()
    assert seen
    assert None not in seen


def test_find(store: Store) -> None:
    for name in (OLD, NEW):
        make(store, name)
    store.point("web", "latest", NEW)
    store.point("web", "stable", OLD)
    assert store.find("web").name == NEW
    assert store.find("web@latest").name == NEW
    assert store.find("web@stable").name == OLD
    assert store.find(f"web:{OLD}").name == OLD

    channels = "choose one of the channels of web: latest, stable"
    assert refusal(store, "wep") == 'no such template: wep; did you mean "web"?\nhint: choose one of: web'
    assert refusal(store, "web@beta") == f"no such version or channel: web@beta\nhint: {channels}"
    assert refusal(store, f"web@stable:{OLD}") == f"no such version or channel: web@stable:{OLD}\nhint: {channels}"
    assert refusal(store, "web:1") == f"web has no version 1\nhint: choose one of the newest versions: {OLD}, {NEW}"
    assert refusal(store, "web:") == f"web has no version \nhint: choose one of the newest versions: {OLD}, {NEW}"


def test_a_template_without_channels(store: Store) -> None:
    make(store, NEW)
    assert (
        refusal(store, "web")
        == "no such version or channel: web\nhint: name a version, as in web:VERSION: web has no channels yet"
    )
    assert store.find(f"web:{NEW}").name == NEW


@pytest.mark.parametrize("reference", ["", ".", "..", "../templates/web", "web/", "/", "x" * 300, "a\0b", ":", "@"])
def test_a_name_is_never_a_path(store: Store, reference: str) -> None:
    make(store, NEW)
    assert refusal(store, reference).startswith("no such template: ")


def test_the_guest_in_a_manifest(output: Output) -> None:
    assert fabricate(output).guest_info() == GUEST


@pytest.mark.parametrize(
    "guest",
    [
        {"distribution": "debian", "major": 12, "minor": 5, "arch": "x86_64"},
        {**GUEST.to_json(), "mounts": {}},
        {**GUEST.to_json(), "distribution": "plan9"},
        {**GUEST.to_json(), "more": "than we know"},
    ],
)
def test_a_guest_that_is_not_described_completely(output: Output, guest: dict[str, object]) -> None:
    assert fabricate(output, guest=guest).guest_info() is None


def test_the_guest_in_a_damaged_manifest(output: Output) -> None:
    with pytest.raises(HostError, match=r"the manifest of \S+ is damaged"):
        fabricate(output, guest={"distribution": "debian"}).guest_info()
