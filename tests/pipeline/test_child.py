"""A recipe on another's template, which stands on the shipped Debian template: built, moved, and booted."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.appliance import Appliance
from builder.paths import Output
from builder.store import Store
from tests.conftest import Golden, share
from tests.machine import Machine
from tests.mounting import mounted, overlay_on, throw_away
from tests.nodes.templates import GUEST
from tests.probe import DONE, install_probe, read_probe

pytestmark = pytest.mark.slow

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS admin"

MIDDLE = f"""\
name: middle
summary: what all of ours have
base: {{template: debian-12}}
steps:
  - ssh-inject: {{user: root, key: {KEY}}}
  - firstboot-command: echo middle >>/root/firsts
  - write: {{path: /etc/motd, content: "one\\n"}}
"""

LEAF = """\
name: leaf
base: {template: middle}
steps:
  - uninstall: [rsync]
  # Makes host keys, in a guest that was sealed without.
  - run-command: dpkg-reconfigure -f noninteractive openssh-server && ls /etc/ssh/ssh_host_*_key
  - firstboot-command: echo leaf >>/root/firsts
"""


@dataclass(frozen=True, slots=True)
class Family:
    """Two recipes in a folder, and an output folder that has the shipped template."""

    golden: Golden
    output: Output
    folder: Path

    def run(self, command: str, *options: str) -> tuple[dict[str, Any], str]:
        """What a command for the younger recipe printed: the JSON document, and its talk."""
        done = self.golden(command, self.folder / "leaf.yaml", "--json", *options, at=self.output)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    def edit(self, old: str, new: str) -> None:
        """Change the parent's recipe."""
        text = (self.folder / "middle.yaml").read_text()
        assert old in text
        (self.folder / "middle.yaml").write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def family(golden: Golden, built: dict[str, Any], output: Output, tmp_path_factory: pytest.TempPathFactory) -> Family:
    folder = tmp_path_factory.mktemp("child")
    own = share(output, Output(folder / "output"))
    shutil.copytree(output.templates / "debian-12", own.templates / "debian-12", symlinks=True, copy_function=os.link)
    (folder / "middle.yaml").write_text(MIDDLE)
    (folder / "leaf.yaml").write_text(LEAF)
    return Family(golden, own, folder)


@pytest.fixture(scope="module")
def leaf(family: Family) -> dict[str, Any]:
    """The child, built with its parent."""
    refused = family.golden("build", family.folder / "leaf.yaml", at=family.output)
    assert refused.returncode == 2
    assert "/leaf.yaml:2:7: no such template: middle" in refused.stderr
    assert "--with-parents" in refused.stderr
    result, said = family.run("build", "--with-parents")
    assert "inspecting the base" not in said, "the parent's manifest knows the guest"
    assert [parent["template"] for parent in result["parents"]] == ["middle"]
    assert result["audit"]["failed"] == result["parents"][0]["audit"]["failed"] == 0
    return result


@pytest.mark.soak  # other nodes boot in every run
def test_a_node_of_the_child_boots(family: Family, leaf: dict[str, Any], appliance: Appliance, tmp_path: Path) -> None:
    disk = Path(leaf["path"]) / "disk.qcow2"
    with throw_away(appliance, (disk, GUEST), tmp_path) as guest:
        assert guest.read("/etc/machine-id") == ""
        assert guest.glob("/etc/ssh/ssh_host_*") == []
        assert not guest.exists("/root/firsts")
    overlay = overlay_on(disk, tmp_path / "node.qcow2", 6 << 30)
    with mounted(appliance, overlay, GUEST) as guest:
        install_probe(guest)
    with Machine(overlay, tmp_path / "console") as machine:
        machine.wait_for(DONE, "login:", timeout=600)
    with mounted(appliance, overlay, GUEST) as guest:
        answers = read_probe(guest)
        assert (answers.state, answers.failed, answers.root) == ("running", "", "/dev/vda1")
        assert answers.size > 5.5 * (1 << 30)
        assert len(guest.read("/etc/machine-id").strip()) == 32
        assert len(guest.glob("/etc/ssh/ssh_host_*_key.pub")) >= 3
        assert guest.read("/root/firsts") == "middle\nleaf\n", "the parent's commands, then the child's, each once"
        assert KEY in guest.read("/root/.ssh/authorized_keys")
        assert not guest.exists("/usr/bin/rsync")


def test_the_child_follows_its_parent(family: Family, leaf: dict[str, Any]) -> None:
    again, said = family.run("build", "--with-parents")
    assert "using debian-12@latest as published: no recipe in" in said
    assert (again["changed"], again["appliance"], again["version"]) == (False, None, leaf["version"])
    assert [parent["changed"] for parent in again["parents"]] == [False]

    # Published anew, with the same disk.
    family.edit("what all of ours have", "what ours have")
    told, said = family.run("build")
    assert (told["changed"], "middle.yaml was edited after middle:" in said) == (False, True)
    same, _ = family.run("build", "--with-parents")
    assert (same["parents"][0]["changed"], same["changed"], same["version"]) == (True, False, leaf["version"])

    family.edit("one\\n", "two\\n")
    planned, _ = family.run("plan", "--with-parents")
    (parent,) = planned["parents"]
    statuses = [(action["step"], action["status"]) for action in parent["actions"]]
    assert statuses[:4] == [
        ("base", "cached"),
        ("ssh-inject", "cached"),
        ("firstboot-command", "cached"),
        ("write", "run"),
    ]
    assert planned["actions"][0]["reason"] == "the template middle is built first"
    assert {action["key"] for action in planned["actions"]} == {None}

    moved, _ = family.run("build", "--with-parents")
    assert moved["changed"]
    assert moved["actions"][0]["reason"].startswith("the parent was middle:20")
    assert {action["status"] for action in moved["actions"]} == {"ran"}
    store = Store(family.output.templates)
    middle, manifest = store.find("middle"), store.find("leaf").manifest
    assert manifest.parent is not None
    assert (manifest.parent.template, manifest.parent.version) == ("middle", middle.name)
    assert manifest.parent.digest == middle.manifest.disk.sha256
    assert "two" in family.golden("cat", "leaf", "/etc/motd", at=family.output).stdout
    shown = family.golden("show", "leaf", at=family.output).stdout
    assert f"parent    middle:{middle.name}, sha256 " in shown
