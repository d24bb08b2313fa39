"""One contract for both kinds of pool: a real libvirt pool, and a folder."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder import process
from builder.errors import HostError, HypervisorError, RequestError
from builder.events import silent
from builder.hypervisor.connection import Hypervisor, connect
from builder.hypervisor.pools import FolderPool, Pool
from builder.hypervisor.xml import render
from tests.hypervisors import own_pool

pytestmark = pytest.mark.slow


@pytest.fixture(params=["libvirt", "folder"])
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pool]:
    if request.param == "folder":
        yield FolderPool(tmp_path / "volumes")
        return
    uri = request.getfixturevalue("libvirtd")
    with connect(uri, tmp_path, silent) as hypervisor, own_pool(hypervisor, tmp_path / "pool") as name:
        yield hypervisor.pool(name)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk of 40 MiB with data at its beginning, middle and end, and holes between."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.write(b"beginning")
        file.seek(20 << 20)
        file.write(b"middle" * 1000)
        file.seek((40 << 20) - 3)
        file.write(b"end")
    return path


def test_an_upload_is_complete_and_sparse(pool: Pool, disk: Path) -> None:
    sha256 = hashlib.sha256(disk.read_bytes()).hexdigest()
    assert not pool.has_complete("base.raw", disk)
    volume = pool.upload("base.raw", disk, "raw", sha256)
    assert Path(volume.path).read_bytes() == disk.read_bytes()
    assert Path(volume.path).stat().st_blocks * 512 < 2 << 20
    assert pool.has_complete("base.raw", disk)
    assert "base.raw" in pool.names()
    found = pool.find("base.raw")
    assert found is not None
    assert (found.path, found.format, found.capacity) == (volume.path, "raw", 40 << 20)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537])
def test_small_files_are_uploaded_completely(pool: Pool, tmp_path: Path, size: int) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"x" * size)
    volume = pool.upload("small.raw", small, "raw", hashlib.sha256(b"x" * size).hexdigest())
    assert Path(volume.path).read_bytes() == b"x" * size


def test_an_upload_with_another_digest_leaves_nothing(pool: Pool, disk: Path) -> None:
    with pytest.raises(HostError, match="differs from the manifest"):
        pool.upload("base.raw", disk, "raw", "00" * 32)
    assert pool.names() == set()


def test_an_overlay_has_its_base_as_backing_file(pool: Pool, tmp_path: Path) -> None:
    base = tmp_path / "base.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(base), "10M"])
    backing = pool.upload("base.qcow2", base, "qcow2")
    assert not pool.has_overlays(backing)
    overlay = pool.create("node.qcow2", 20 << 20, backing)
    info = process.run(["qemu-img", "info", overlay.path])
    assert f"backing file: {backing.path}" in info
    assert "virtual size: 20 MiB" in info
    assert pool.has_overlays(backing)
    pool.delete("node.qcow2")
    assert not pool.has_overlays(backing)


def test_a_name_can_be_used_once(pool: Pool) -> None:
    pool.create("one.qcow2", 1 << 20)
    with pytest.raises(HostError):
        pool.create("one.qcow2", 1 << 20)
    pool.delete("one.qcow2")
    pool.delete("one.qcow2")
    assert pool.names() == set()


def test_an_interrupted_upload_is_incomplete(libvirtd: str, disk: Path, tmp_path: Path) -> None:
    with connect(libvirtd, tmp_path, silent) as hypervisor, own_pool(hypervisor, tmp_path / "pool") as name:
        pool = hypervisor.pool(name)
        pool.upload("base.raw", disk, "raw")
        with (tmp_path / "pool/base.raw").open("r+b") as file:
            file.write(bytes(65536))  # an upload writes these bytes last
        assert not pool.has_complete("base.raw", disk)


def test_a_missing_pool(libvirtd: str, tmp_path: Path) -> None:
    with (
        connect(libvirtd, tmp_path, silent) as hypervisor,
        own_pool(hypervisor, tmp_path / "pool") as name,
        pytest.raises(RequestError, match=f'no such pool: {name}x; did you mean "{name}"'),
    ):
        hypervisor.pool(f"{name}x")


def test_an_inactive_pool(libvirtd: str, tmp_path: Path) -> None:
    with connect(libvirtd, tmp_path, silent) as hypervisor, own_pool(hypervisor, tmp_path / "pool") as name:
        subprocess.run(["virsh", "-q", "-c", libvirtd, "pool-destroy", name], check=True, capture_output=True)
        with pytest.raises(RequestError, match="is not active"):
            hypervisor.pool(name)


def test_an_unreachable_daemon(tmp_path: Path) -> None:
    opening = connect("qemu+tcp://127.0.0.1:1/system", tmp_path, silent)
    with pytest.raises(HypervisorError, match=r"cannot connect to qemu\+tcp://127.0.0.1:1/system"):
        opening.__enter__()


def test_xml_escapes_names() -> None:
    assert "&lt;b&gt;" in render("pool", name="<b>", folder="/x")


def test_local_and_remote_uris(tmp_path: Path) -> None:
    for uri, local in (("qemu:///system", True), ("qemu+ssh://root@host/system", False)):
        assert Hypervisor(None, uri, tmp_path, silent).local is local
