"""`golden clone` with a real libvirtd: what it creates and refuses, and that concurrent calls do not collide."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from builder.hypervisor.domains import macs
from builder.paths import Output
from tests.conftest import GOLDEN, PROJECT, Golden
from tests.hypervisors import Place
from tests.nodes.conftest import clone

pytestmark = pytest.mark.slow

TEMPLATE = "debian-12"


@pytest.fixture(autouse=True)
def template(built: dict[str, Any]) -> str:
    return str(built["template"])


def test_a_node_has_what_was_requested(golden: Golden, place: Place) -> None:
    options = ("--no-start", "--cpus", "1", "--memory", "256M", "--disk-size", "9G", "--disk", "1G", "--autostart")
    also = ("--set", "title=<b>one</b>", "--set", "machine=q35", "--nic", f"network={place.network},model=e1000")
    result = clone(golden, TEMPLATE, "web1", *place.options, *options, *also)
    (node,) = result["nodes"]
    domain = place.hypervisor.find_domain("web1")
    assert domain is not None
    assert domain.uuid == node["uuid"]
    tree = domain.tree()
    assert (tree.findtext("title"), tree.findtext("vcpu")) == ("<b>one</b>", "1")
    assert tree.findtext("memory") == str(256 << 10)
    assert "q35" in tree.find("os/type").get("machine", "")  # type: ignore[union-attr]
    assert list(macs(tree)) == node["macs"]
    assert len(set(node["macs"])) == 2
    assert domain.handle.autostart()
    pool = place.hypervisor.pool(place.pool)
    root, disk = pool.find("web1.qcow2"), pool.find("web1-vdb.qcow2")
    assert root is not None
    assert disk is not None
    assert (root.capacity, disk.capacity) == (9 << 30, 1 << 30)
    assert domain.files() == [root.path, disk.path]
    (reservation,) = place.hypervisor.network(place.network).definition().reservations
    assert (reservation.mac, reservation.name, reservation.address) == (node["macs"][0], "web1", node["address"])


def test_the_domain_is_valid(golden: Golden, place: Place, tmp_path: Path) -> None:
    """By libvirt's schema, as virt-xml-validate has it."""
    clone(golden, TEMPLATE, "web1", *place.options, "--no-start")
    domain = place.hypervisor.find_domain("web1")
    assert domain is not None
    (tmp_path / "web1.xml").write_text(domain.xml())
    done = subprocess.run(["virt-xml-validate", tmp_path / "web1.xml", "domain"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["web", "web"], "node name given twice: web", 2),
        (["we_b"], "invalid node name 'we_b'", 2),
        (["web", "--nic", "network=nowhere"], "no such network: nowhere", 2),
        (["web", "--nic", "bridge=nowhere0"], "this host has no bridge nowhere0", 2),
        (["web", "--nic", "netwerk=x"], "unknown interface option 'netwerk'; did you mean \"network\"?", 2),
        (["web", "--pool", "nowhere"], "no such pool: nowhere", 2),
        (["web", "--ip", "10.1.2.3"], "10.1.2.3 is outside the subnet", 2),
        (["web", "--ip", "10.1.2"], "'10.1.2'", 2),
        (["web", "--disk-size", "1G"], "smaller than the template's disk", 2),
        (["web", "--disk", "a lot"], "must be a size such as 32G", 2),
        (["web", "--memory", "60T"], "the host has", 3),
        (["web", "--cpus", "4000"], "the host has", 3),
        (["web", "--hostname", "a", "web2"], "several nodes cannot share one --hostname", 2),
        (["web", "--set", "titel=x"], 'has no variable titel; did you mean "title"?', 2),
        (["web", "--set", "uuid=x"], "--set cannot set uuid", 2),
        (["web", "--set", "title=\x01"], "a character that XML does not allow", 2),
        (["web", "--user-data", "README.md"], "--user-data needs cloud-init, and the template does not contain it", 2),
        (["web", "--ssh-key", "ssh-ed25519 AAAA"], "key 1 is damaged", 2),
        (["web", "--ssh-key", "/nowhere"], "cannot read /nowhere", 2),
        (["web", "--no-start", "--wait"], "--no-start excludes --wait and --console", 2),
        (["web{1..5000}"], "stands for 5000 nodes", 2),
    ],
)
def test_invalid_requests(golden: Golden, place: Place, arguments: list[str], message: str, code: int) -> None:
    before = place.state()
    done = golden("clone", TEMPLATE, *place.options, *arguments)
    assert message in done.stderr
    assert done.returncode == code
    assert place.state() == before


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("debian-13", 'no such template: debian-13; did you mean "debian-12"?'),
        ("debian-12@stable", "no such version or channel: debian-12@stable"),
        ("debian-12:20200101.1-00000000", "debian-12 has no version 20200101.1-00000000"),
    ],
)
def test_missing_templates(golden: Golden, template: str, message: str) -> None:
    done = golden("clone", template, "web")
    assert message in done.stderr
    assert done.returncode == 2


def test_taken_names_and_addresses(golden: Golden, place: Place) -> None:
    first = clone(golden, TEMPLATE, "web1", *place.options, "--no-start")
    (place.folder / "web3-vdb.qcow2").write_text("somebody's")
    before = place.state()
    address, mac = first["nodes"][0]["address"], first["nodes"][0]["macs"][0]
    for arguments, message in (
        (["web2", "web1"], "a domain of this name already exists: web1"),
        (
            ["web2", "web3", "--disk", "1G"],
            f"a volume of this name already exists in the pool {place.pool}: web3-vdb.qcow2",
        ),
        (["web2", "--ip", address], f"another node or host has the address {address}"),
        (["web2", "--nic", f"network={place.network},mac={mac}"], f"another domain has the MAC address {mac}"),
    ):
        done = golden("clone", TEMPLATE, *place.options, "--no-start", *arguments)
        assert message in done.stderr
        assert done.returncode == 2
    assert place.state() == before
    assert (place.folder / "web3-vdb.qcow2").read_text() == "somebody's"


def test_addresses_are_consecutive(golden: Golden, place: Place) -> None:
    network = place.hypervisor.network(place.network).definition().addresses[0].network
    result = clone(golden, TEMPLATE, "web{9..11}", *place.options, "--no-start", "--ip", str(network[200]))
    assert [(node["name"], node["address"]) for node in result["nodes"]] == [
        ("web9", str(network[200])),
        ("web10", str(network[201])),
        ("web11", str(network[202])),
    ]


def test_twenty_calls_at_once(place: Place, output: Output) -> None:
    calls = [
        subprocess.Popen(
            [str(GOLDEN), "clone", TEMPLATE, f"web{number}", *place.options, "--no-start", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, "GOLDEN_OUTPUT": str(output.root)},
        )
        for number in range(20)
    ]
    results = []
    for call in calls:
        stdout, stderr = call.communicate()
        assert call.returncode == 0, stderr
        results += json.loads(stdout)["nodes"]
    assert len(results) == 20
    for what in ("name", "uuid", "address"):
        assert max(Counter(node[what] for node in results).values()) == 1, what
    assert len({mac for node in results for mac in node["macs"]}) == 20
    domains = {domain.name: domain for domain in place.hypervisor.domains()}
    base = next(path for path in place.folder.iterdir() if path.name.startswith("golden-"))
    for node in results:
        (file,) = domains[node["name"]].files()
        info = subprocess.run(["qemu-img", "info", "--output=json", file], capture_output=True, check=True)
        assert json.loads(info.stdout)["backing-filename"] == str(base)
    assert subprocess.run(["qemu-img", "check", "-q", str(base)], check=False).returncode == 0
