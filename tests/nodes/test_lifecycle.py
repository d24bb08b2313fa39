"""`golden node` keeps other nodes' disks, passwords and records; concurrent calls wait for each other."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from builder.domains import metadata
from builder.hypervisor.xml import render
from builder.paths import Output
from tests.conftest import GOLDEN, PROJECT, Golden
from tests.hypervisors import Place
from tests.nodes.conftest import clone
from tests.nodes.templates import fabricate
from tests.nodes.test_manage import SMALL, Nodes

pytestmark = pytest.mark.slow


@pytest.fixture
def own(tmp_path: Path) -> Output:
    """An output folder with the template `tiny`, which cannot boot."""
    output = Output(tmp_path / "output")
    fabricate(output)
    return output


@pytest.fixture
def nodes(golden: Golden, own: Output, place: Place) -> Nodes:
    """The nodes own1 and own2, shut off."""

    def at_own(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return golden(*arguments, at=own, **more)

    clone(at_own, "tiny", "own1", "own2", *place.options, *SMALL, "--no-start")
    return Nodes(at_own, place)


def plug(place: Place, node: str, file: Path | str, *, flags: int) -> None:
    domain = place.hypervisor.find_domain(node)
    assert domain is not None
    domain.handle.attachDeviceFlags(render("disk", file=file, format="qcow2", device="vdb"), flags)


def test_a_disk_attached_to_another_running_node_is_kept(nodes: Nodes, place: Place) -> None:
    """Such a disk is in no definition."""
    nodes("add-disk", "own1", "1M")
    nodes("start", "own2")
    plug(place, "own2", place.folder / "own1-vdb.qcow2", flags=libvirt.VIR_DOMAIN_AFFECT_LIVE)
    done = nodes("remove", "own1", "--yes")
    assert "own1-vdb.qcow2 (in use by own2)" in done.stderr
    assert {"own1-vdb.qcow2"} == {name for name in place.state()["volumes"] if name.startswith("own1")}


def test_the_backing_of_a_disk_outside_the_pool_is_kept(nodes: Nodes, place: Place, tmp_path: Path) -> None:
    """The other node is shut off, and its definition does not name the backing files of its disk."""
    child, grandchild = tmp_path / "child.qcow2", tmp_path / "grandchild.qcow2"
    backing = place.folder / "own1.qcow2"
    for over, disk in ((backing, child), (child, grandchild)):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", over, "-F", "qcow2", disk], check=True)
    plug(place, "own2", grandchild, flags=libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    assert "own1.qcow2 (in use by own2)" in nodes("remove", "own1", "--yes").stderr
    assert backing.exists()


def test_removal_when_parts_are_gone_already(nodes: Nodes, place: Place) -> None:
    nodes("add-disk", "own1", "1M")
    (place.folder / "own1.qcow2").unlink()
    network = place.hypervisor.network(place.network)
    for reservation in network.definition().reservations:
        network.release(reservation)
    nodes("remove", "own1", "own2", "--yes")
    assert place.state()["volumes"] == []
    assert place.hypervisor.find_domain("own1") is None


def test_a_node_whose_pool_is_inactive_is_not_half_removed(nodes: Nodes, place: Place) -> None:
    pool = place.hypervisor.connection.storagePoolLookupByName(place.pool)
    pool.destroy()
    assert "is not active" in nodes("remove", "own1", "--yes", code=2).stderr
    assert place.hypervisor.find_domain("own1") is not None
    pool.create()
    nodes("remove", "own1", "own2", "--yes")
    assert place.state()["volumes"] == []


def test_keep_disks(nodes: Nodes, place: Place) -> None:
    assert "own1.qcow2 (--keep-disks)" in nodes("remove", "own1", "own2", "--yes", "--keep-disks").stderr
    state = place.state()
    assert {"own1.qcow2", "own2.qcow2"} <= set(state["volumes"])
    assert len(state["volumes"]) == 3, "the third is the base volume"
    assert state["network"].reservations == ()


def test_disks_added_after_a_snapshot_are_removed_with_the_node(nodes: Nodes, place: Place) -> None:
    nodes("snapshot", "own1", "before")
    nodes("add-disk", "own1", "1M")
    nodes("revert", "own1", "before")
    assert [disk["device"] for disk in nodes.json("info", "own1")["disks"]] == ["vda"]
    domain = place.hypervisor.find_domain("own1")
    assert domain is not None
    known = metadata.parse(domain.tree())
    assert known is not None
    assert [made.name for made in known.volumes] == ["own1.qcow2", "own1-vdb.qcow2"]
    # The disk name is not used again.
    assert "added disk vdc" in nodes("add-disk", "own1", "1M").stderr
    nodes("remove", "own1", "own2", "--yes")
    assert place.state()["volumes"] == []


def test_a_snapshot_name_cannot_be_a_number(nodes: Nodes) -> None:
    """QEMU takes a number for a snapshot ID; the first snapshot has ID 1, whatever its name."""
    assert "not a number alone" in nodes("snapshot", "own1", "1", code=2).stderr
    nodes("snapshot", "own1", "1st")
    assert [each["name"] for each in nodes.json("snapshot", "own1", "--list")] == ["1st"]


def test_an_edit_keeps_passwords(nodes: Nodes, place: Place) -> None:
    domain = place.hypervisor.find_domain("own1")
    assert domain is not None
    vnc = "<graphics type='vnc' passwd='hush'/></devices>"
    place.hypervisor.define(domain.xml().replace("</devices>", vnc))
    assert "hush" not in nodes("xml", "own1").stdout
    nodes("edit", "own1", EDITOR="sed -i -E 's/65536/131072/'")
    assert "passwd='hush'" in domain.xml(secrets=True)


def test_four_disks_at_once(nodes: Nodes, own: Output, place: Place) -> None:
    calls = [
        subprocess.Popen(
            [GOLDEN, "node", "add-disk", "--connect", place.hypervisor.uri, "own1", "1M"],
            env={**os.environ, "GOLDEN_OUTPUT": str(own.root)},
            cwd=PROJECT,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for call in calls:
        assert call.communicate()[1]
        assert call.returncode == 0
    devices = [disk["device"] for disk in nodes.json("info", "own1")["disks"]]
    assert devices == ["vda", "vdb", "vdc", "vdd", "vde"]
    nodes("remove", "own1", "own2", "--yes")
    assert place.state()["volumes"] == []


def test_a_disk_that_cannot_be_attached_leaves_nothing(nodes: Nodes, place: Place) -> None:
    """Neither a volume nor a device."""
    nodes("start", "own1")
    live = place.hypervisor.find_domain("own1")
    assert live is not None
    before = place.state(), live.xml()
    for size, message in (
        ("0", "must be a size from 1M"),
        ("65T", "must be a size from 1M to 64T"),
        ("1", "multiple of 512"),
    ):
        assert message in nodes("add-disk", "own1", size, code=2).stderr
    assert "no such pool" in nodes("add-disk", "own1", "1M", "--pool", "nowhere", code=2).stderr
    live.handle.suspend()
    assert "was paused and is now running" in nodes("start", "own1").stderr
    assert (place.state(), live.xml()) == before


def test_shutdown_asks_all_nodes_before_it_waits(nodes: Nodes) -> None:
    nodes("start", "own1", "own2")
    done = nodes("shutdown", "own1", "own2", "--wait", "2", code=3)
    assert "own1, own2 did not shut down within 2 s" in done.stderr
    assert nodes("ip", "own{1..2}", "--wait", "1", code=3).stderr.count("no address within 1 s") == 2
    nodes("destroy", "own{1..2}")
    assert "own1 is not running" in nodes("reboot", "own1", code=2).stderr


@pytest.fixture
def embedded(golden: Golden, own: Output) -> Iterator[Output]:
    """An output folder whose node alone1 runs under the embedded driver."""
    fabricate(own, "seeded", packages=[{"name": "cloud-init"}])  # with cloud-init, no appliance has to write the disk
    done = golden("clone", "seeded", "alone1", *SMALL, "--connect", "embed", "--json", at=own)
    assert done.returncode == 0, done.stderr
    yield own
    done = golden("node", "remove", "alone1", "--yes", "--connect", "embed", at=own)
    assert done.returncode == 0, done.stderr
    assert list((own.embedded / "volumes").iterdir()) == []


def test_a_console_without_a_daemon_does_not_lock_the_driver(golden: Golden, embedded: Output) -> None:
    """Another golden uses the driver while a console is open. Ctrl-] closes the console."""
    own, theirs = pty.openpty()
    with subprocess.Popen(
        [GOLDEN, "node", "console", "alone1", "--connect", "embed"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "GOLDEN_OUTPUT": str(embedded.root)},
        cwd=PROJECT,
    ) as attached:
        os.close(theirs)
        shown = b""
        deadline = time.monotonic() + 30
        while b"Escape character" not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([own], [], [], 1)[0]:
                shown += os.read(own, 4096)
        done = golden("node", "list", "--json", "--connect", "embed", at=embedded)
        attached_still = attached.poll() is None
        os.write(own, b"\x1d")
        assert attached.wait(10) == 0
    os.close(own)
    assert done.returncode == 0, done.stderr
    assert ([row["state"] for row in json.loads(done.stdout)], attached_still) == (["running"], True)


def test_calls_without_a_daemon_wait_for_each_other(own: Output) -> None:
    """One process holds the driver until it has exited."""
    calls = [
        subprocess.Popen(
            [GOLDEN, "node", "list", "--connect", "embed"],
            env={**os.environ, "GOLDEN_OUTPUT": str(own.root)},
            cwd=PROJECT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    ended = [(call.communicate()[1], call.returncode) for call in calls]
    assert [error for error, status in ended if status] == []


def test_forty_nodes(golden: Golden, own: Output, place: Place) -> None:
    """Listing and removing them takes seconds: golden does not ask libvirt per node what it can ask once."""
    fabricate(own, "seeded", packages=[{"name": "cloud-init"}])
    # Without a libvirt network, because libvirt takes a third of a second for each reservation.
    options = ("--connect", place.hypervisor.uri, "--pool", place.pool, "--nic", "user", *SMALL, "--no-start")
    done = golden("clone", "seeded", "many{1..40}", *options, at=own)
    assert done.returncode == 0, done.stderr
    begun = time.monotonic()
    rows = json.loads(golden("node", "list", "--json", "--connect", place.hypervisor.uri, at=own).stdout)
    listed = time.monotonic() - begun
    assert [row["name"] for row in rows if row["template"] == "seeded"] == [f"many{each}" for each in range(1, 41)]
    begun = time.monotonic()
    done = golden("node", "remove", "many{1..40}", "--yes", "--connect", place.hypervisor.uri, at=own)
    removed = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    assert place.state()["volumes"] == []
    print(f"of 40 nodes: listed in {listed:.1f} s, removed in {removed:.1f} s")
    assert listed < 5
    assert removed < 15
