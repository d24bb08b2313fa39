"""The identity of nodes: written to their disks, read from a seed, or given by DHCP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.appliance import Appliance
from builder.guest.info import GuestInfo
from builder.nodes.identity.names import seed_name
from builder.nodes.identity.nics import Nic
from builder.nodes.identity.request import CloneRequest, NodeSpec
from builder.nodes.identity.seed import documents, user_data, write_seed
from builder.paths import Output
from builder.store import Store
from tests.conftest import Golden
from tests.hypervisors import Place
from tests.mounting import mounted
from tests.nodes.conftest import clone

KEYS = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS one@here",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYT two@here",
]


@pytest.fixture
def bridge() -> Iterator[str]:
    """A bridge for this test, with no interface on it."""
    name = "golden-test0"
    subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "link", "delete", name], check=True)


def info_of(output: Output, template: str) -> GuestInfo:
    info = Store(output.templates).find(template).guest_info()
    assert info
    return info


@pytest.mark.slow
def test_identity_is_written_to_the_disks_of_all_nodes(
    golden: Golden, built: dict[str, Any], place: Place, bridge: str, output: Output, appliance: Appliance
) -> None:
    keys = [word for key in KEYS for word in ("--ssh-key", key)]
    at = ("--connect", place.hypervisor.uri, "--pool", place.pool, "--nic", f"bridge={bridge}", "--no-start")
    address = "10.9.8.7/24,gateway=10.9.8.254,dns=10.9.8.1"
    result = clone(golden, built["template"], "self{1..3}", *at, *keys, "--ip", address)
    assert [node["address"] for node in result["nodes"]] == ["10.9.8.7", "10.9.8.8", "10.9.8.9"]
    pool = place.hypervisor.pool(place.pool)
    for number, node in enumerate(result["nodes"]):
        volume = pool.find(f"{node['name']}.qcow2")
        assert volume is not None
        with mounted(appliance, Path(volume.path), info_of(output, built["template"])) as guest:
            assert guest.read("/etc/hostname") == f"{node['name']}\n"
            assert f"127.0.1.1\t{node['name']}\n" in guest.read("/etc/hosts")
            assert guest.read("/root/.ssh/authorized_keys").splitlines() == KEYS
            interface = guest.read("/etc/network/interfaces.d/eth0")
            assert f"address 10.9.8.{7 + number}/24" in interface
            assert "gateway 10.9.8.254" in interface
            assert guest.read("/etc/machine-id") == ""
            assert guest.glob("/etc/ssh/ssh_host_*_key") == []


@pytest.mark.slow
def test_an_address_on_a_bridge_needs_a_prefix_length(
    golden: Golden, built: dict[str, Any], place: Place, bridge: str
) -> None:
    at = ("--connect", place.hypervisor.uri, "--pool", place.pool, "--nic", f"bridge={bridge}", "--no-start")
    done = golden("clone", built["template"], "self1", *at, "--ip", "10.9.8.7")
    assert "needs a prefix length" in done.stderr
    assert done.returncode == 2


def spec(**changes: Any) -> NodeSpec:
    given: dict[str, Any] = {"nics": (Nic("network", "default", mac="52:54:00:00:00:01"),), "disk_size": 0, "disks": ()}
    return NodeSpec(name="self1", uuid="1-2-3", hostname="self1", **{**given, **changes})


@pytest.mark.slow  # for the packages of the slow tests
def test_a_seed_is_an_image_that_cloud_init_finds(tmp_path: Path) -> None:
    file = tmp_path / seed_name("self1")
    write_seed(file, spec(), CloneRequest(names=("self1",), user_data="#cloud-config\n{}\n"))
    listed = subprocess.run(
        ["xorriso", "-indev", file, "-find", "/"], capture_output=True, text=True, check=True
    ).stdout
    assert {"'/meta-data'", "'/user-data'"} <= set(listed.split())
    assert file.read_bytes()[0x8028:0x8048].strip() == b"cidata"


def test_the_documents_of_a_seed() -> None:
    found = documents(spec(), CloneRequest(names=("self1",), ssh_keys=tuple(KEYS)))
    assert json.loads(found["meta-data"]) == {"instance-id": "1-2-3", "local-hostname": "self1"}
    head, _, config = found["user-data"].partition("\n")
    assert head == "#cloud-config"
    assert json.loads(config)["ssh_authorized_keys"] == KEYS
    assert "network-config" not in found


def test_user_data_with_ssh_keys() -> None:
    assert user_data(CloneRequest(names=("a",), user_data="#!/bin/sh\n")) == "#!/bin/sh\n"
    both = user_data(CloneRequest(names=("a",), user_data="#!/bin/sh\necho\n", ssh_keys=tuple(KEYS)))
    assert both.startswith("Content-Type: multipart/mixed")
