"""`golden nightly run --prune`: what it removes, and the outcome of a run whose pruning fails."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builder import files
from builder.nightly.child import read_result
from builder.nightly.prune import KeepRules, prune
from builder.paths import Output
from builder.pipeline.build import make_secret_key
from builder.plan import make_plan
from builder.recipe import load
from builder.store import Store
from tests.conftest import Golden
from tests.nightly.worker import make, write_recipe
from tests.nodes.templates import fabricate
from tests.prune.places import domain, overlay, written


@pytest.fixture
def own(tmp_path: Path) -> Output:
    """`web` with its current version and two older ones, and a template without a recipe."""
    own = Output(tmp_path / "output")
    make_secret_key(own)
    recipe = load(write_recipe(tmp_path / "recipes", "web"))
    for name in ("web", "web", "by-hand", "by-hand"):
        fabricate(own, name)
    make(make_plan(recipe, own), own)
    return own


def versions(own: Output, name: str = "web") -> list[str]:
    return [version.name for version in Store(own.templates).versions(name)]


def night(
    golden: Golden, own: Output, *options: str, hypervisor: str | None = None
) -> subprocess.CompletedProcess[str]:
    """A nightly run with one hypervisor, empty by default."""
    folder = own.root.parent
    env = {"LIBVIRT_DEFAULT_URI": hypervisor or written(folder)}
    return golden("nightly", "run", folder / "recipes", "--no-verify", "--prune", *options, at=own, env=env)


def last(own: Output) -> dict[str, Any]:
    return read_result(own.nightly / "report.json")


def test_what_nobody_needs_goes_and_the_report_names_it(golden: Golden, own: Output) -> None:
    first, second, newest = versions(own)
    others = versions(own, "by-hand")
    done = night(golden, own, "--keep-last", "1")
    assert done.returncode == 0, done.stderr
    assert versions(own) == [newest]
    assert versions(own, "by-hand") == others, "it has no recipe in the folder"
    pruned = last(own)["pruned"]
    assert set(pruned["versions"]) == {f"web:{first}", f"web:{second}"}
    assert (pruned["error"], pruned["exit_code"]) == (None, 0)
    assert pruned["freed"] > 0
    assert "pruned: " in done.stdout
    for name in (first, second):
        assert f"web:{name}" in done.stdout
        assert f"web:{name}" in (own.nightly / "report.html").read_text()


def test_what_is_used_stays(golden: Golden, own: Output) -> None:
    first, second, newest = versions(own)
    node = overlay(own.root.parent / "node.qcow2", Store(own.templates).find(f"web:{first}").disk)
    uri = written(own.root.parent, domain("node", node))
    done = night(golden, own, "--keep-last", "0", "--keep-days", "0", hypervisor=uri)
    assert done.returncode == 0, done.stderr
    assert versions(own) == [first, newest]
    assert last(own)["pruned"]["versions"] == [f"web:{second}"]
    again = night(golden, own, "--keep-last", "0", "--json", hypervisor=uri)
    assert json.loads(again.stdout)["pruned"]["versions"] == []
    assert "pruned: nothing" in (own.nightly / "report.txt").read_text()


def test_without_it_nothing_goes(golden: Golden, own: Output) -> None:
    before = versions(own)
    done = golden("nightly", "run", own.root.parent / "recipes", "--no-verify", at=own)
    assert done.returncode == 0, done.stderr
    assert versions(own) == before
    assert last(own)["pruned"] is None


def test_a_hypervisor_that_does_not_answer(golden: Golden, own: Output) -> None:
    """Nothing is removed, the report has all outcomes, and the exit code reports the failure."""
    before = versions(own)
    gone = "test:///nowhere/node.xml"
    files.write_json(own.connections, {"connections": [gone]})
    done = night(golden, own, "--keep-last", "1")
    assert done.returncode == 6, done.stderr
    assert versions(own) == before
    told = last(own)
    assert [image["state"] for image in told["images"]] == ["unchanged"]
    assert (told["exit_code"], told["pruned"]["exit_code"], told["pruned"]["versions"]) == (6, 6, [])
    for report in (done.stdout, (own.nightly / "report.html").read_text()):
        assert "cannot check whether nodes use the versions; nothing was removed" in report
        assert gone in report
        assert "--unreachable-ok" in report
    assert "\npruning failed:\n" in done.stdout


@pytest.mark.parametrize(
    ("script", "code", "error"),
    [
        ("echo removing one >&2; kill -9 $$", 4, "it was killed by signal 9\nremoving one"),
        ("echo 'error: a pool is gone' >&2; exit 3", 3, "a pool is gone"),
        ("echo not JSON", 3, "a child process of the nightly run printed no valid result"),
        ("echo '{}'", 3, "`golden prune` printed an invalid result"),
    ],
)
def test_a_pruning_that_does_not_come_to_its_end(
    own: Output, tmp_path: Path, script: str, code: int, error: str
) -> None:
    found = prune(["sh", "-c", script], KeepRules(), ["web"], own, tmp_path)
    assert (found.exit_code, found.versions) == (code, ())
    assert error in (found.error or "")
