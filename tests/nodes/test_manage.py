"""`golden node …` with a real libvirtd."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builder.hypervisor.xml import render
from tests.conftest import Golden
from tests.hypervisors import Place
from tests.nodes.conftest import clone

pytestmark = pytest.mark.slow

SMALL = ("--memory", "64M", "--cpus", "1")


class Nodes:
    """Runs `golden node …` on a place's hypervisor."""

    def __init__(self, golden: Golden, place: Place) -> None:
        self._golden = golden
        self._place = place

    def __call__(self, *arguments: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        command, *rest = arguments
        done = self._golden("node", command, "--connect", self._place.hypervisor.uri, *rest, env=env)
        assert done.returncode == code, done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)


@pytest.fixture
def nodes(golden: Golden, built: dict[str, Any], place: Place) -> Nodes:
    clone(golden, built["template"], "app2", "app10", *place.options, *SMALL, "--no-start")
    return Nodes(golden, place)


def test_list_sorts_by_number(nodes: Nodes, built: dict[str, Any], place: Place) -> None:
    rows = [row for row in nodes.json("list") if row["name"].startswith("app")]
    assert [row["name"] for row in rows] == ["app2", "app10"]
    reservations = {
        each.name: each.address for each in place.hypervisor.network(place.network).definition().reservations
    }
    assert rows[0] == {
        "name": "app2",
        "state": "shut off",
        "template": built["template"],
        "version": built["version"],
        "addresses": [reservations["app2"]],
        "autostart": False,
    }
    assert "app10" in nodes("list", "--template", built["template"]).stdout
    assert "app10" not in nodes("list", "--template", "other").stdout
    assert nodes("ip", "app2").stdout.split() == ["app2", reservations["app2"]]


def test_info(nodes: Nodes, place: Place) -> None:
    info = nodes.json("info", "app2")
    assert (info["vcpus"], info["memory"], info["in_store"], info["snapshots"]) == (1, 64 << 20, True, [])
    (disk,) = info["disks"]
    assert (disk["device"], disk["format"], disk["capacity"]) == ("vda", "qcow2", 4 << 30)
    (nic,) = info["nics"]
    assert (nic["kind"], nic["source"], nic["model"]) == ("network", place.network, "virtio")
    text = nodes("info", "app2").stdout
    assert "64.0 MiB" in text
    assert nic["mac"] in text


def test_start_and_stop(nodes: Nodes) -> None:
    assert "app2 is started" in nodes("start", "app2").stderr
    assert "app2 is already running" in nodes("start", "app2").stderr
    assert nodes.json("info", "app2")["state"] == "running"
    assert "did not shut down within 1 s" in nodes("shutdown", "app2", "--wait", "1", code=3).stderr
    nodes("reboot", "app2")
    assert "<domain type=" in nodes("xml", "app2", "--live").stdout
    assert "app2 is shut off" in nodes("destroy", "app2").stderr
    assert "already" in nodes("destroy", "app2").stderr
    assert "already" in nodes("shutdown", "app2").stderr
    nodes("autostart", "app{2..2}", "app10")
    assert {row["name"] for row in nodes.json("list") if row["autostart"]} >= {"app2", "app10"}
    nodes("autostart", "app10", "--off")
    assert nodes.json("info", "app10")["autostart"] is False


def test_an_unknown_node_does_not_stop_the_others(nodes: Nodes) -> None:
    done = nodes("autostart", "app3", "app10", code=2)
    assert "no such node: app3" in done.stderr
    assert nodes.json("info", "app10")["autostart"] is True


def test_a_domain_that_golden_did_not_clone(nodes: Nodes, place: Place) -> None:
    place.hypervisor.define(
        "<domain type='qemu'><name>foreign</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    try:
        done = nodes("remove", "foreign", "--yes", code=2)
        assert "foreign is not a golden node" in done.stderr
        assert place.hypervisor.find_domain("foreign") is not None
        assert "foreign" not in nodes("list").stdout
    finally:
        domain = place.hypervisor.find_domain("foreign")
        assert domain is not None
        domain.undefine()


@pytest.mark.parametrize("running", [False, True])
def test_add_a_disk_and_an_interface(nodes: Nodes, place: Place, running: bool) -> None:
    if running:
        nodes("start", "app2")
        domain = place.hypervisor.find_domain("app2")
        assert domain is not None
    assert "added disk vdb to app2, 64.0 MiB" in nodes("add-disk", "app2", "64M").stderr
    nodes("add-disk", "app2", "1G")
    nodes("add-nic", "app2", f"network={place.network},model=e1000")
    info = nodes.json("info", "app2")
    assert [(disk["device"], disk["capacity"]) for disk in info["disks"]] == [
        ("vda", 4 << 30),
        ("vdb", 64 << 20),
        ("vdc", 1 << 30),
    ]
    assert [nic["model"] for nic in info["nics"]] == ["virtio", "e1000"]
    if running:
        assert "app2-vdc.qcow2" in nodes("xml", "app2", "--live").stdout
    assert "no such network" in nodes("add-nic", "app2", "network=nowhere", code=2).stderr
    mac = info["nics"][0]["mac"]
    assert (
        "another domain has the MAC address"
        in nodes("add-nic", "app2", f"network={place.network},mac={mac}", code=2).stderr
    )
    assert "must be a size" in nodes("add-disk", "app2", "much", code=2).stderr
    nodes("remove", "app2", "--yes")
    assert [name for name in place.state()["volumes"] if name.startswith("app2")] == []


def test_edit(nodes: Nodes, tmp_path: Path) -> None:
    def editor(expression: str) -> str:
        return f"sed -i -E '{expression}'"

    assert "app2 is unchanged" in nodes("edit", "app2", EDITOR="true").stderr
    assert "app2 is changed" in nodes("edit", "app2", EDITOR=editor("s/65536/131072/")).stderr
    assert nodes.json("info", "app2")["memory"] == 128 << 20
    for expression, message in (
        ("s/<name>app2/<name>other/", "must stay app2"),
        ("s/<golden:version>.*</<golden:version>x</", "golden's metadata must not change"),
        ("s,</domain>,,", "not well-formed XML"),
        ("s/<vcpu [^>]*>1/<vcpu>many/", "libvirt rejects this XML"),
        ("s,(source file=.*)app2.qcow2,\\1web3.qcow2,", "no such disk file"),
    ):
        done = nodes("edit", "app2", EDITOR=editor(expression), code=2)
        assert message in done.stderr
        kept = Path(done.stderr.rpartition("your edited text is saved in ")[2].strip())
        assert kept.exists()
        kept.unlink()
    assert nodes.json("info", "app2")["memory"] == 128 << 20
    assert "the editor failed" in nodes("edit", "app2", EDITOR="false", code=2).stderr


def test_snapshots(nodes: Nodes) -> None:
    nodes("snapshot", "app2", "before")
    assert "already has a snapshot before" in nodes("snapshot", "app2", "before", code=2).stderr
    assert "invalid snapshot name" in nodes("snapshot", "app2", "a b", code=2).stderr
    nodes("start", "app2")
    nodes("snapshot", "app2", "running")
    assert [line.split()[0] for line in nodes("snapshot", "app2", "--list").stdout.splitlines()] == [
        "before",
        "running",
    ]
    assert "app2 is back at snapshot before, shut off" in nodes("revert", "app2", "before").stderr
    assert "app2 is back at snapshot running, running" in nodes("revert", "app2", "running").stderr
    assert 'no snapshot befor; did you mean "before"?' in nodes("revert", "app2", "befor", code=2).stderr
    nodes("snapshot", "app2", "--delete", "running")
    assert "running" not in nodes("snapshot", "app2", "--list").stdout
    nodes("remove", "app2", "--yes")


def test_removal_takes_only_what_golden_created(nodes: Nodes, place: Place) -> None:
    own = place.folder / "own.raw"
    own.write_bytes(bytes(1 << 20))
    domain = place.hypervisor.find_domain("app2")
    assert domain is not None
    domain.attach(render("disk", file=own, format="raw", device="vdb"))
    assert "pass --yes to remove them" in nodes("remove", "app2", code=2).stderr
    done = nodes("remove", "app2", "app10", "--yes")
    assert f"kept {own} (not created by golden)" in done.stderr
    assert own.exists()
    state = place.state()
    assert state["volumes"] == ["own.raw"]
    assert state["network"].reservations == ()
    assert not [name for name in state["domains"] if name.startswith("app")]


def test_a_disk_that_backs_another_is_kept(nodes: Nodes, place: Place) -> None:
    pool = place.hypervisor.pool(place.pool)
    backing = pool.find("app2.qcow2")
    pool.create("child.qcow2", 4 << 30, backing)
    assert "app2.qcow2 (in use by" in nodes("remove", "app2", "--yes").stderr
    assert {"app2.qcow2", "child.qcow2"} <= pool.names()


def test_a_console_needs_a_terminal(nodes: Nodes) -> None:
    assert "needs a terminal" in nodes("console", "app2", code=2).stderr


def test_files_of_a_node(nodes: Nodes, golden: Golden, place: Place) -> None:
    """They can be read at any time, and changed while the node is shut off."""
    at = ("--connect", place.hypervisor.uri)
    assert "ID=debian" in golden("cat", "app2", "/etc/os-release", *at).stdout
    changed = golden("edit", "app2", "/etc/motd", "-e", "s/A node/The node/", *at)
    assert changed.returncode == 0, changed.stderr
    nodes("start", "app2")
    assert golden("cat", "node:app2", "/etc/motd", *at).stdout.startswith("The node")
    assert golden("cat", "app10", "/etc/motd", *at).stdout.startswith("A node")
    refused = golden("edit", "app2", "/etc/motd", "-e", "s/The/A/", *at)
    assert refused.returncode == 6
    assert "cannot change the disk of the node app2: the node is running" in refused.stderr


def test_no_address_yet(nodes: Nodes) -> None:
    nodes("start", "app10")
    assert "no address within 1 s: app10" in nodes("ip", "app10", "--wait", "1", code=3).stderr
