"""The shipped Debian recipe through the command line: build, build again, edit the end, look at what came."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import uuid
from pathlib import Path
from typing import Any

import pytest

from builder.paths import Output
from tests.conftest import DEBIAN, Golden

pytestmark = pytest.mark.slow


def test_a_version_is_whole_and_read_only(built: dict[str, Any]) -> None:
    folder = Path(built["path"])
    assert (built["template"], built["version"]) == ("debian-12", folder.name)
    files = {path.name for path in folder.iterdir()}
    told = {"manifest.json", "recipe.yaml", "sbom.spdx.json", "provenance.json", "build.log"}
    assert files == {"disk.qcow2", "domain.xml.j2", "SHA256SUMS", *told}
    statement = json.loads((folder / "provenance.json").read_text())
    upstream = [each["uri"] for each in statement["predicate"]["buildDefinition"]["resolvedDependencies"][2:]]
    assert upstream
    assert all(uri.endswith("/InRelease") for uri in upstream)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o444 for path in folder.iterdir())
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        sha256, name = line.split()
        with (folder / name).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == sha256
    assert built["audit"]["failed"] == 0
    assert built["audit"]["passed"] > 50

    manifest = json.loads((folder / "manifest.json").read_text())
    packages = {package["name"] for package in manifest["packages"]}
    assert {"openssh-server", "rsync", "cloud-guest-utils"} <= packages
    assert not {"tasksel", "nano", "dmidecode"} & packages
    log = (folder / "build.log").read_text()
    assert log.startswith("=== decisions\nreuse bootstrap debian bookworm: in the cache\n")
    assert "\ntreat the guest as debian 12." in log
    assert ", family debian, package manager apt: " in log
    assert "Removing nano" in log
    assert "Setting up rsync" in log


def test_a_trace_shows_what_libguestfs_and_qemu_are_told(golden: Golden, built: dict[str, Any]) -> None:
    done = golden("cat", built["template"], "/etc/debian_version", env={"GOLDEN_TRACE": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12.")
    assert "libguestfs: trace: " in done.stderr
    assert "qmp: " in done.stderr
    assert "blockdev-add" in done.stderr


def test_a_second_build_changes_nothing(golden: Golden, built: dict[str, Any]) -> None:
    done = golden("build", DEBIAN, "--json")
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert again["changed"] is False
    assert again["version"] == built["version"]
    assert again["appliance"] is None
    assert {action["status"] for action in again["actions"]} == {"cached"}
    shown = golden("plan", DEBIAN).stdout.splitlines()
    assert all(line.startswith("reuse") for line in shown)


def test_editing_the_last_step_runs_only_what_follows(
    golden: Golden, built: dict[str, Any], output: Output, tmp_path: Path
) -> None:
    recipe = tmp_path / DEBIAN.name
    shutil.copytree(DEBIAN.parent / "files", tmp_path / "files")
    name = f"edited-{uuid.uuid4()}"
    original = DEBIAN.read_text().replace("name: debian-12\n", f"name: {name}\n")
    recipe.write_text(original)
    first = json.loads(golden("build", recipe, "--json").stdout)
    assert first["changed"] is True
    assert [action["step"] for action in first["actions"] if action["status"] == "ran"] == ["publish"]
    assert first["appliance"] is None, "nothing but the publication was left to do"
    recipe.write_text(original.replace("golden template", f"template {uuid.uuid4()}"))

    planned = json.loads(golden("plan", recipe, "--json").stdout)
    assert planned["changed"] is True
    reasons = {action["step"]: action["reason"] for action in planned["actions"] if action["status"] == "run"}
    assert reasons == {
        "write": "its options changed",
        "seal": "follows write /etc/motd",
        "publish": "follows write /etc/motd",
    }

    done = golden("build", recipe, "--json")
    assert done.returncode == 0, done.stderr
    edited = json.loads(done.stdout)
    assert [action["step"] for action in edited["actions"] if action["status"] == "ran"] == ["write", "seal", "publish"]
    assert [action["key"] for action in edited["actions"]] == [action["key"] for action in planned["actions"]]
    assert edited["changed"] is True
    assert edited["appliance"] == "restored"
    assert edited["version"] != first["version"]

    rows = json.loads(golden("list", "--json").stdout)
    latest = {row["version"]: row["channels"] for row in rows if row["template"] == name}
    assert latest[edited["version"]] == ["latest"]
    assert Path(edited["path"]).with_name("latest").resolve() == Path(edited["path"])
    assert latest[first["version"]] == []
    shown = json.loads(golden("show", f"{name}:{first['version']}", "--json").stdout)
    assert shown["disk"]["sha256"].startswith(first["version"].rpartition("-")[2])
