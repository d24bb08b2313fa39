"""`golden prune` with a real libvirtd, and nodes that use versions."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from builder.nodes.connections import known_uris
from builder.nodes.identity.names import base_volume_name
from builder.paths import Output
from builder.store import Store
from tests.conftest import GOLDEN, PROJECT, Golden
from tests.hypervisors import Place
from tests.nodes.templates import fabricate

pytestmark = pytest.mark.slow

STRICT = ("--keep-last", "0", "--keep-failed", "0", "--json")


def prune(golden: Golden, output: Output, *arguments: str) -> dict[str, str]:
    """Why `golden prune --yes` keeps each version; empty if it removed it."""
    done = golden("prune", *STRICT, "--yes", *arguments, at=output)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["versions"]
    return {row["version"]: row["reason"] if row["action"] == "keep" else "" for row in rows}


def bases(place: Place) -> set[str]:
    return {name for name in place.hypervisor.pool(place.pool).names() if name.startswith("golden-")}


def test_live_clones_keep_their_versions(golden: Golden, place: Place, tmp_path: Path) -> None:
    output, uri = Output(tmp_path / "output"), place.hypervisor.uri
    one, two, three, four = (fabricate(output).name for _ in range(4))
    for version, node in ((one, "pruned1"), (two, "pruned2"), (three, "pruned3")):
        done = golden("clone", f"tiny:{version}", node, *place.options, "--no-start", at=output)
        assert done.returncode == 0, done.stderr
    assert known_uris(output) == [uri]
    pool = place.hypervisor.pool(place.pool)
    # Somebody removed a node by hand, and left the base; and the domain of another one, not its disk.
    for node in ("pruned1", "pruned3"):
        domain = place.hypervisor.find_domain(node)
        assert domain is not None
        domain.undefine()
    pool.delete("pruned3.qcow2")
    assert len(bases(place)) == 3

    assert prune(golden, output) == {
        one: f"the file {place.folder / 'pruned1.qcow2'} on this host is based on it",
        two: f"the domain pruned2 on {uri} uses it",
        three: "",
        four: "the channel latest points to it",
    }
    assert bases(place) == {base_volume_name("tiny", one, "qcow2"), base_volume_name("tiny", two, "qcow2")}
    assert [version.name for version in Store(output.templates).versions("tiny")] == [one, two, four]

    done = golden("node", "remove", "pruned2", "--yes", "--connect", uri, at=output)
    assert done.returncode == 0, done.stderr
    pool.delete("pruned1.qcow2")
    assert prune(golden, output) == {one: "", two: "", four: "the channel latest points to it"}
    assert bases(place) == set()
    assert [version.name for version in Store(output.templates).versions("tiny")] == [four]


def test_pruning_while_a_clone_starts(golden: Golden, place: Place, tmp_path: Path) -> None:
    """Either the clone is refused before it creates anything, or its version is kept."""
    output = Output(tmp_path / "output")
    env = {**os.environ, "GOLDEN_OUTPUT": str(output.root)}
    for attempt, delay in enumerate((0.0, 0.5, 1.0, 2.0)):
        version = fabricate(output).name
        fabricate(output)
        node = f"race{attempt}"
        command = [str(GOLDEN), "clone", f"tiny:{version}", node, *place.options, "--no-start"]
        with subprocess.Popen(command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as clone:
            time.sleep(delay)
            said = prune(golden, output, "--connect", place.hypervisor.uri)
            _, talk = clone.communicate(timeout=300)
        base = base_volume_name("tiny", version, "qcow2")
        if clone.returncode == 0:
            assert said[version], "it stays"
            assert Store(output.templates).find(f"tiny:{version}").disk.exists()
            assert base in bases(place)
        else:
            assert version not in said or not said[version], talk
            assert f"{version}" in talk.decode()
            assert place.hypervisor.find_domain(node) is None
            assert base not in bases(place)
            assert f"{node}.qcow2" not in place.hypervisor.pool(place.pool).names()
    assert not list(output.clones.glob("*.jsonl"))
