"""`golden diff` on versions whose manifests alone tell."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from builder.cli.diff import lines
from builder.compare.comparison import ComparedDisk, Comparison
from builder.compare.packages import PackageChange, PackageChanges
from builder.compare.recipes import RecipeChanges, StepChange
from builder.compare.trees import FileChange, FileChanges, TreeEntry
from builder.paths import Output
from builder.store import Version
from tests.conftest import Golden
from tests.nodes.templates import fabricate
from tests.store.manifests import make_action


def package(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "version": version, "arch": "amd64"}


@pytest.fixture
def place(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


@pytest.fixture
def versions(place: Output) -> tuple[Version, Version]:
    old = fabricate(place, "web", packages=[package("lftp", "1"), package("mc", "1")])
    actions = [make_action("timezone", title="timezone CET", digest="x")]
    new = fabricate(place, "web", packages=[package("lftp", "2"), package("jq", "1")], actions=actions)
    return old, new


def test_packages_and_steps(golden: Golden, place: Output, versions: tuple[Version, Version]) -> None:
    old, new = versions
    done = golden("diff", old, "web", "--packages-only", at=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{old} -> {new}\n"
        "packages: 1 added, 1 removed, 1 changed\n"
        "  + jq 1 (amd64)\n"
        "  - mc 1 (amd64)\n"
        "  ~ lftp 1 -> 2 (amd64)\n"
        "recipe:\n"
        "  - bootstrap debian bookworm\n"
        "  ~ timezone UTC -> timezone CET\n"
    )


def test_json_and_exit_code(golden: Golden, place: Output, versions: tuple[Version, Version]) -> None:
    old, new = versions
    done = golden("diff", old, new, "--packages-only", "--json", "--exit-code", at=place)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert set(found) == {"a", "b", "differs", "packages", "files", "volatile", "recipe"}
    assert (found["differs"], found["files"], found["volatile"]) == (True, None, None)
    assert found["b"]["title"] == str(new)
    assert (found["a"]["published"], found["a"]["size"]) == (True, 64 << 20)
    assert found["packages"]["changed"] == [{"name": "lftp", "arch": "amd64", "before": "1", "after": "2"}]
    done = golden("diff", new, new, "--packages-only", "--exit-code", at=place)
    assert (done.returncode, done.stdout) == (0, f"{new} -> {new}\nno difference\n")


def test_what_is_not_there(golden: Golden, place: Output, versions: tuple[Version, Version]) -> None:
    done = golden("diff", "web", "wep", at=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'did you mean "web"?' in done.stderr


FOLDER, FILE, LINK = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777


def test_files_for_people() -> None:
    folder, file = TreeEntry(FOLDER, 0, 0, 4096), TreeEntry(FILE, 0, 0, 5)
    files = FileChanges(
        added=(FileChange("/opt/x", None, folder), FileChange("/opt/x/y", None, file)),
        content=(FileChange("/etc/motd", file, file),),
        owner=(FileChange("/etc/motd", file, TreeEntry(FILE & ~0o044, 7, 8, 5)),),
        link=(FileChange("/l", TreeEntry(LINK, 0, 0, 1, target="a"), TreeEntry(LINK, 0, 0, 1, target="b")),),
        type=(FileChange("/t", file, folder),),
    )
    volatile = FileChanges(removed=(FileChange("/var/log/x\x1b[1m", file, None),))
    found = Comparison(
        ComparedDisk("web:1", True, 1 << 30, 5),
        ComparedDisk("node1", False, 2 << 30, 5),
        PackageChanges(added=(PackageChange("jq", "amd64", None, "1"),)),
        files,
        volatile,
        RecipeChanges(text=True),
    )
    assert [*lines(found, show_all=False)] == [
        "web:1 -> node1",
        "packages: 1 added, 0 removed, 0 changed",
        "  + jq 1 (amd64)",
        "files: 2 added, 0 removed, 3 changed",
        "  + /opt/x/ (2 paths)",
        "  ~ /etc/motd  content",
        "  ~ /etc/motd  owner 0644 0:0 -> 0600 7:8",
        "  ~ /l  link a -> b",
        "  ~ /t  type - -> d",
        "changed by itself: 1 paths (logs, caches, identity); pass --all to show them",
        "recipe: its text changed, its steps did not",
        "size: 1.0 GiB -> 2.0 GiB",
    ]
    assert "  - /var/log/x\x1b[1m" in [*lines(found, show_all=True)]


def test_no_difference_is_told_in_json() -> None:
    side, node = ComparedDisk("web:1", True, 1, 1), ComparedDisk("node1", False, 2, 1)
    none: dict[str, Any] = {"added": [], "removed": [], "content": [], "owner": [], "link": [], "type": []}
    found = Comparison(side, node, PackageChanges(), FileChanges(), FileChanges(), RecipeChanges()).to_json()
    assert json.loads(json.dumps(found)) == found
    assert (found["differs"], found["files"], found["volatile"]) == (False, none, none)
    assert found["recipe"]["changed"] == []
    # Of two versions another size is a difference.
    assert Comparison(side, ComparedDisk("web:2", True, 2, 1), PackageChanges(), None, None, None)


def test_steps_for_people() -> None:
    recipe = RecipeChanges(
        added=(StepChange("touch", None, "touch /a"),),
        changed=(StepChange("write", "write /b", "write /b"),),
        reordered=True,
        parents=("base:1", None),
    )
    side = ComparedDisk("web:1", True, 1, 1)
    found = Comparison(side, side, PackageChanges(), FileChanges(), FileChanges(), recipe)
    assert [*lines(found, show_all=True)][1:] == [
        "recipe:",
        "  + touch /a",
        "  ~ write /b",
        "  ~ order of the steps",
        "  ~ parent base:1 -> none",
    ]
