"""What a word means: a disk file, a node, a template; on fabricated stores and small disks."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder import process
from builder.errors import GoldenError, InUseError, RequestError
from builder.guest.info import GuestInfo
from builder.offline import NodeDisk, Target, resolve
from builder.offline.inspections import Inspections
from builder.paths import Output
from builder.store import Store
from tests.mounting import overlay_on
from tests.store.manifests import make_manifest

VERSION = "20261123.1-ab12cd34"
GUEST = GuestInfo("debian", 12, 5, "x86_64", "apt", "Debian 12", {"/": "DISK1"})


def make_disk(path: Path, format: str = "qcow2") -> Path:
    process.run(["qemu-img", "create", "-q", "-f", format, str(path), "1M"])
    if format == "raw":
        with path.open("r+b") as file:
            file.seek(510)
            file.write(b"\x55\xaa")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Output:
    """An output folder with the templates `web`, which says all of its guest, and `db`, which says too little."""
    place = Output(tmp_path / "output")
    store = Store(place.templates)
    for template, changes in (("web", {"guest": GUEST.to_json()}), ("db", {})):
        staged = tmp_path / "staged"
        staged.mkdir()
        make_disk(staged / "disk.qcow2")
        (staged / "manifest.json").write_text(json.dumps(make_manifest(template, VERSION, **changes)))
        store.admit(staged, template, VERSION)
        store.point(template, "latest", VERSION)
    return place


@contextmanager
def written_by_a_machine(disk: Path) -> Iterator[None]:
    """Have a disk open for writing in another process, as a running machine has."""
    socket = disk.with_suffix(".socket")
    argv = ["qemu-nbd", "--persistent", "--socket", str(socket), "--format", "qcow2", str(disk)]
    with subprocess.Popen(process.bound_to_us(argv)) as server:
        deadline = time.monotonic() + 10
        while not socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield
        finally:
            server.kill()


def refusal(target: Target) -> GoldenError:
    with pytest.raises(GoldenError) as caught:
        target.require_writable()
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("word", ["web", "web@latest", f"web:{VERSION}", "template:web", f"template:web:{VERSION}"])
def test_a_template(place: Output, word: str) -> None:
    target = resolve(word, place)
    assert (target.title, target.format, target.info) == (f"web:{VERSION}", "qcow2", GUEST)
    assert target.disk == place.templates / "web" / VERSION / "disk.qcow2"
    error = refusal(target)
    assert isinstance(error, RequestError)
    assert error.message == f"cannot change web:{VERSION}: published versions are read-only"


def test_a_published_disk_by_its_path(place: Output) -> None:
    for folder in (VERSION, "latest"):
        target = resolve(str(place.templates / "web" / folder / "disk.qcow2"), place)
        assert (target.title, target.info) == (f"web:{VERSION}", GUEST)
        assert "published" in refusal(target).message


def test_a_manifest_that_says_too_little(place: Output) -> None:
    assert resolve("db", place).info is None, "it is inspected then"


@pytest.mark.parametrize("format", ["qcow2", "raw"])
def test_a_disk_file(place: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    disk = make_disk(tmp_path / f"disk.{format}", format)
    make_disk(tmp_path / "web", format)
    monkeypatch.chdir(tmp_path)
    for word, path in ((str(disk), disk), (disk.name, disk), (f"./{disk.name}", disk), ("web", tmp_path / "web")):
        target = resolve(word, place, lambda name: pytest.fail("a file comes first"))
        assert (target.disk, target.format, target.info) == (path, format, None)
        target.require_writable()


def test_a_raw_disk_names_no_file_of_this_host(place: Output, tmp_path: Path) -> None:
    """A guest can write to its raw disk what looks like a qcow2 on top of any file."""
    secret = make_disk(tmp_path / "secret.qcow2")
    disk = overlay_on(secret, tmp_path / "overlay.qcow2").rename(tmp_path / "disk.raw")
    with pytest.raises(RequestError, match="not a disk"):
        resolve(str(disk), place)


def test_what_may_not_be_written(place: Output, tmp_path: Path) -> None:
    disk = make_disk(tmp_path / "disk.qcow2")
    disk.chmod(0o444)
    assert isinstance(refusal(resolve(str(disk), place)), RequestError)


def test_a_disk_that_a_machine_writes_to(place: Output, tmp_path: Path) -> None:
    disk = make_disk(tmp_path / "disk.qcow2")
    with written_by_a_machine(disk):
        target = resolve(str(disk), place)
        assert target.in_use
        assert isinstance(refusal(target), InUseError)
    assert not resolve(str(disk), place).in_use


def test_an_overlay_has_the_guest_of_what_is_below(place: Output, tmp_path: Path) -> None:
    published = resolve("web", place).disk
    lower = overlay_on(published, tmp_path / "lower.qcow2")
    assert resolve(str(overlay_on(lower, tmp_path / "upper.qcow2")), place).info == GUEST


def test_what_inspection_found_is_remembered(place: Output, tmp_path: Path) -> None:
    disk = make_disk(tmp_path / "disk.qcow2")
    overlay = overlay_on(disk, tmp_path / "overlay.qcow2")
    inspections = Inspections(place.inspections)
    inspections.keep(disk, GUEST)
    assert resolve(str(disk), place).info == resolve(str(overlay), place).info == GUEST
    (tmp_path / "link.qcow2").symlink_to(disk)
    assert resolve(str(tmp_path / "link.qcow2"), place).info == GUEST
    os.utime(disk, ns=(0, 0))
    assert resolve(str(disk), place).info is None, "somebody wrote to it"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"disk": 1}', '{"disk": {}, "guest": {}}'])
def test_a_damaged_memory_is_none(place: Output, tmp_path: Path, content: str) -> None:
    disk = make_disk(tmp_path / "disk.qcow2")
    inspections = Inspections(place.inspections)
    inspections.keep(disk, GUEST)
    [file] = place.inspections.iterdir()
    file.write_text(content)
    assert inspections.find(disk) is None


def test_a_memory_of_another_time(place: Output, tmp_path: Path) -> None:
    disk = make_disk(tmp_path / "disk.qcow2")
    Inspections(place.inspections).keep(disk, GUEST)
    [file] = place.inspections.iterdir()
    file.write_text(file.read_text().replace('"arch"', '"architecture"'))
    assert resolve(str(disk), place).info is None


def test_a_node(place: Output, tmp_path: Path) -> None:
    disk = overlay_on(resolve("web", place).disk, tmp_path / "node.qcow2")
    running = {"idle": False, "busy": True, "web": False}

    def nodes(name: str) -> NodeDisk | None:
        return NodeDisk(disk, "qcow2", running[name]) if name in running else None

    for word in ("idle", "node:idle"):
        target = resolve(word, place, nodes)
        assert (target.title, target.disk, target.info, target.in_use) == ("idle", disk, GUEST, False)
        target.require_writable()
    busy = resolve("busy", place, nodes)
    assert busy.in_use
    assert isinstance(refusal(busy), InUseError)
    with pytest.raises(RequestError, match="web is both a node and a template") as caught:
        resolve("web", place, nodes)
    assert caught.value.hint == "write node:web or template:web"
    assert resolve("node:web", place, nodes).disk == disk
    assert resolve("template:web", place, nodes).title == f"web:{VERSION}"
    with pytest.raises(RequestError, match="no such node: none"):
        resolve("node:none", place, nodes)


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("wep", 'no such disk file, node or template: wep; did you mean "web"?', "choose one of: db, web"),
        ("web@stable", "no such version or channel: web@stable", "choose one of the channels of web: latest"),
        ("web:1", "web has no version 1", f"choose one of the newest versions: {VERSION}"),
        ("template:none", "no such template: none", "choose one of: db, web"),
        ("none.qcow2", "no such disk file: none.qcow2", None),
        ("/none/disk", "no such disk file: /none/disk", None),
        ("/etc", "not a file: /etc", None),
        ("/etc/passwd", "not a disk image: /etc/passwd", None),
        ("/dev/null", "not a file: /dev/null", None),
    ],
)
def test_nothing_of_that_name(place: Output, word: str, message: str, hint: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        resolve(word, place)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_an_empty_store(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        resolve("web", Output(tmp_path / "none"))
    assert caught.value.hint == "run `golden build RECIPE` to build a template"
    assert not (tmp_path / "none").exists()


def test_other_formats(place: Output, tmp_path: Path) -> None:
    disk = make_disk(tmp_path / "disk.img", "vmdk")
    with pytest.raises(RequestError, match="unsupported disk format vmdk") as caught:
        resolve(str(disk), place)
    assert caught.value.hint == f"run `qemu-img convert -O qcow2 {disk} NEW.qcow2` and use the new file"
