"""Nodes that boot: each has the requested identity, and no two are alike."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from builder.paths import Output
from tests.conftest import Golden, share
from tests.hypervisors import Console, Place
from tests.nodes.conftest import KEY, clone
from tests.pipeline.builds import wait_until_gone

pytestmark = pytest.mark.slow

NAMES = ["node1", "node2", "node3"]


def parse_answers(text: str) -> dict[str, list[str]]:
    """What the probe printed on a node's console, by question."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^who (\S+) ?(.*?)\r?$", text, re.MULTILINE):
        found.setdefault(key, []).append(value.strip())
    return found


def test_three_nodes_of_one_call(golden: Golden, probe: str, place: Place) -> None:
    before = place.state()
    options = ("--nic", f"network={place.network}", "--disk-size", "8G", "--disk", "1G", "--memory", "512M")
    result = clone(golden, probe, "node{1..3}", *place.options, *options)
    nodes = {node["name"]: node for node in result["nodes"]}
    assert sorted(nodes) == NAMES
    consoles = {name: Console(place.hypervisor, name) for name in NAMES}
    for console in consoles.values():
        console.wait_for("who done", timeout=400)
    answers = {name: parse_answers(console.text) for name, console in consoles.items()}
    leases = {lease.mac: lease for lease in place.hypervisor.network(place.network).leases()}
    for name, node in nodes.items():
        answer = answers[name]
        assert answer["hostname"] == [name]
        assert node["address"] in answer["address"][0]
        lease = leases[node["macs"][0]]
        assert (lease.address, lease.hostname) == (node["address"], name)
        assert int(answer["root"][0]) > 7.5 * (1 << 30), "root has not grown to --disk-size"
        assert {"vda 8G", "vdb 1G"} <= {" ".join(pair) for pair in re.findall(r"(\w+) (\S+)", answer["disks"][0])}
        assert {"eth0", "eth1"} <= set(answer["nics"][0].split())
        assert (answer["failed"], answer["state"]) == ([""], ["running"])
    assert len({answer["machine-id"][0] for answer in answers.values()}) == 3
    keys = [set(answer["key"]) for answer in answers.values()]
    assert all(len(own) >= 3 for own in keys)
    assert len(set.union(*keys)) == sum(map(len, keys)), "two nodes share a host key"

    removed = golden("node", "remove", *NAMES, "--yes", "--connect", place.hypervisor.uri)
    assert removed.returncode == 0, removed.stderr
    assert place.state() == before


def test_without_a_daemon(golden: Golden, raw_probe: str, tmp_path: Path, output: Output) -> None:
    """With the embedded driver and QEMU's user-mode network, name and key are written before the nodes start.

    The template is published raw, so the overlays written offline must name the format of their backing file.
    """
    own = share(output, Output(tmp_path / "output"))
    shutil.copytree(output.templates / raw_probe, own.templates / raw_probe, symlinks=True, copy_function=os.link)
    names = ["alone1", "alone2"]
    options = ("--memory", "512M", "--disk-size", "6G", "--ssh-key", KEY, "--connect", "embed", "--json")
    done = golden("clone", raw_probe, *names, *options, at=own)
    assert done.returncode == 0, done.stderr
    try:
        assert {"raw", "qcow2"} == {volume.suffix[1:] for volume in (own.embedded / "volumes").glob("*.[qr]*")}
        logs = {name: own.embedded / f"volumes/{name}.log" for name in names}
        deadline = time.monotonic() + 400
        while not all("who done" in log.read_text(errors="replace") for log in logs.values()):
            assert time.monotonic() < deadline, {name: log.read_text()[-2000:] for name, log in logs.items()}
            time.sleep(0.5)
        answers = {name: parse_answers(log.read_text(errors="replace")) for name, log in logs.items()}
        for name, answer in answers.items():
            assert (answer["hostname"], answer["keys"], answer["state"]) == ([name], ["me@here"], ["running"])
            assert int(answer["root"][0]) > 5.5 * (1 << 30)
        assert len({answer["machine-id"][0] for answer in answers.values()}) == 2
        assert not set(answers["alone1"]["key"]) & set(answers["alone2"]["key"])
        listed = json.loads(golden("node", "list", "--json", "--connect", "embed", at=own).stdout)
        assert [(node["name"], node["state"]) for node in listed] == [(name, "running") for name in names]
    finally:
        removed = golden("node", "remove", *names, "--yes", "--connect", "embed", at=own)
    assert removed.returncode == 0, removed.stderr
    assert list((own.embedded / "volumes").iterdir()) == []
    wait_until_gone("qemu-system", "guest=alone")
