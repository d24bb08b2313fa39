"""`golden diff`, `golden audit` and `golden sbom` on the shipped template, a child of it and a node of that."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from builder.paths import Output
from builder.store import Store
from tests.conftest import Golden, share

pytestmark = pytest.mark.slow

CHILD = """\
name: child
base: {template: debian-12}
steps:
  - write: {path: /etc/motd, content: "another\\n"}
  - uninstall: [less]
  - upload: {source: input, path: /etc/input}
"""

EMBEDDED = ("--connect", "embed")
"""The node's hypervisor, which needs no daemon."""

BOOKKEEPING = {
    "/var/lib/dpkg/status",
    "/var/lib/dpkg/status-old",
    "/var/lib/dpkg/alternatives/pager",
    "/var/lib/apt/extended_states",
}
"""What dpkg and apt write when less goes, which is one of two pagers."""


@dataclass(frozen=True, slots=True)
class Place:
    golden: Golden
    output: Output

    def ask(self, *arguments: str, status: int = 0) -> Any:
        """The JSON document that a command prints."""
        done = self.golden(*arguments, "--json", at=self.output)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def place(golden: Golden, built: dict[str, Any], output: Output, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An output folder with the shipped template and the child."""
    folder = tmp_path_factory.mktemp("diff")
    own = share(output, Output(folder / "output"))
    shutil.copytree(output.templates / "debian-12", own.templates / "debian-12", symlinks=True, copy_function=os.link)
    (folder / "child.yaml").write_text(CHILD)
    (folder / "input").write_text("from the host\n")
    done = golden("build", folder / "child.yaml", at=own)
    assert done.returncode == 0, done.stderr
    return Place(golden, own)


@pytest.fixture(scope="module")
def node(place: Place) -> Iterator[str]:
    """A node of the child that never ran, by the embedded driver."""
    done = place.golden("clone", "child", "drifter", "--no-start", *EMBEDDED, at=place.output)
    assert done.returncode == 0, done.stderr
    yield "node:drifter"
    done = place.golden("node", "remove", "drifter", "--yes", *EMBEDDED, at=place.output)
    assert done.returncode == 0, done.stderr


def paths(changes: list[dict[str, Any]]) -> set[str]:
    return {change["path"] for change in changes}


def changed_in(found: dict[str, Any]) -> dict[str, set[str]]:
    """The paths of a comparison by the kinds that there are."""
    return {kind: paths(changes) for kind, changes in found["files"].items() if changes}


def test_a_version_and_its_parent(place: Place) -> None:
    found = place.ask("diff", "debian-12", "child", "--exit-code", status=1)
    packages, files = found["packages"], found["files"]
    assert [each["name"] for each in packages["removed"]] == ["less"]
    assert (packages["added"], packages["changed"]) == ([], [])
    assert paths(files["content"]) - BOOKKEEPING == {"/etc/motd"}
    assert paths(files["added"]) == {"/etc/input"}
    assert "/usr/bin/less" in paths(files["removed"])
    listed = place.golden("cat", "debian-12", "/var/lib/dpkg/info/less.list", at=place.output).stdout.splitlines()
    # The rest is what dpkg's own database had of it, and the alternatives that it was.
    others = {path for path in paths(files["removed"]) - set(listed) if "/info/less." not in path}
    assert {path for path in others if "pager" not in path} == set()
    assert files["owner"] == files["type"] == []
    assert found["volatile"] == {kind: [] for kind in files}
    # Nothing but that one path is looked at.
    shown = place.golden("diff", "debian-12", "child", "--path", "/etc/motd", at=place.output)
    assert "files: 0 added, 0 removed, 1 changed\n  ~ /etc/motd  content\n" in shown.stdout


def test_a_version_is_audited(place: Place) -> None:
    """By its own copy of the recipe, which lacks the input file; that step is skipped, and said."""
    found = place.ask("audit", "child")
    assert (found["failed"], found["passed"] > 20) == (0, True)
    assert {"write /etc/motd", "uninstall less", "seal"} <= {proof["step"] for proof in found["findings"]}
    assert [(step["step"], step["reason"]) for step in found["skipped"]] == [("upload", "source: no such file: input")]


def test_a_node_drifts(place: Place, node: str) -> None:
    clean = place.ask("diff", "child", node, *EMBEDDED)
    assert clean["packages"] == {"added": [], "removed": [], "changed": []}
    # Nobody wrote to it but golden, for whom a node without DHCP's reservation has its name in its files.
    assert changed_in(clean) == {"content": {"/etc/hosts"}}
    assert "/etc/hostname" in paths(clean["volatile"]["added"] + clean["volatile"]["content"])
    recipe = str(place.output.root.parent / "child.yaml")
    assert place.ask("audit", node, "--recipe", recipe, *EMBEDDED)["skipped"] == []

    edited = place.golden("edit", node, "/etc/motd", "-e", "s/another/a third/", *EMBEDDED, at=place.output)
    assert edited.returncode == 0, edited.stderr
    drifted = place.ask("diff", "child", node, *EMBEDDED)
    assert changed_in(drifted) == {"content": {"/etc/hosts", "/etc/motd"}}
    assert drifted["recipe"]["changed"] == []
    found = place.ask("audit", node, "--recipe", recipe, *EMBEDDED, status=4)
    assert {proof["step"] for proof in found["findings"] if not proof["ok"]} == {"write /etc/motd"}
    assert "seal" not in {proof["step"] for proof in found["findings"]}


def test_what_goes_with_a_version(place: Place) -> None:
    version = Store(place.output.templates).find("child")
    manifest = version.manifest
    printed = place.golden("sbom", "child", at=place.output).stdout
    assert printed == version.sbom_file.read_text()
    (ssh,) = (each for each in json.loads(printed)["packages"] if each["name"] == "openssh-server")
    assert ssh["sourceInfo"].startswith("built from the source package openssh 1:")
    assert ssh["supplier"].startswith("Organization: Debian OpenSSH Maintainers")
    statement = json.loads(version.provenance_file.read_text())
    assert statement["subject"][0]["digest"] == {"sha256": manifest.disk.sha256}
    assert manifest.parent is not None
    (parent,) = (
        each
        for each in statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        if each.get("name") == f"debian-12:{manifest.parent.version}"
    )
    assert parent["digest"] == {"sha256": manifest.parent.digest}
    assert version.recipe_file.read_text() == CHILD
    for file in (version.provenance_file, version.sbom_file, version.manifest_file):
        assert str(place.output.root) not in file.read_text()
