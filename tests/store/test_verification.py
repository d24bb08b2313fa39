"""The verification result beside a version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.paths import Output
from builder.store import Store, Verification, verification
from builder.store.verification import CheckResult, CloneReport
from tests.folders import snapshot
from tests.nodes.templates import fabricate

GOOD = CheckResult(name="login", ok=True, message="login prompt after 20 s")
BAD = CheckResult(name="units", ok=False, message="failed units: x.service")


def make(*checks: CheckResult) -> Verification:
    clone = CloneReport(seconds=20.0, facts={"state": "running"}, tail="localhost login:")
    return Verification(
        when="2026-11-23T10:11:12+00:00", seconds=25.0, accelerator="tcg", checks=checks, clones=(clone, clone)
    )


def test_it_comes_back_as_it_was_and_leaves_the_version_alone(tmp_path: Path) -> None:
    version = fabricate(Output(tmp_path / "output"))
    before = snapshot(version.folder)
    assert version.verification is None
    for found in (make(GOOD), make(GOOD, BAD)):
        verification.keep(version.verification_folder, found, [b"one", b"\xff two"])
        assert version.verification == found
    assert (version.verification_folder / "console-2.log").read_bytes() == b"\xff two"
    said = json.loads((version.verification_folder / "result.json").read_text())
    assert said["passed"] is False
    assert version.verification_folder == version.folder.parent / "verification" / version.name
    assert snapshot(version.folder) == before


def test_passed_is_what_the_checks_say(tmp_path: Path) -> None:
    version = fabricate(Output(tmp_path / "output"))
    version.verification_folder.mkdir(parents=True)
    lying = {**make(BAD).to_json(), "passed": True}
    (version.verification_folder / "result.json").write_text(json.dumps(lying))
    found = version.verification
    assert found is not None
    assert not found.passed


@pytest.mark.parametrize("text", ["", "{}", '{"checks": 3}', "[]", '{"when": "2026'])
def test_a_damaged_result_is_none(text: str, tmp_path: Path) -> None:
    version = fabricate(Output(tmp_path / "output"))
    version.verification_folder.mkdir(parents=True)
    (version.verification_folder / "result.json").write_text(text)
    assert version.verification is None


def test_one_that_ended_half_way_is_none(tmp_path: Path) -> None:
    version = fabricate(Output(tmp_path / "output"))
    verification.keep(version.verification_folder, make(GOOD), [b"one", b"two"])
    (version.verification_folder / "console-2.log").unlink()
    (version.verification_folder / "console-2.log").mkdir()  # it cannot be replaced
    with pytest.raises(OSError, match="console-2"):
        verification.keep(version.verification_folder, make(GOOD), [b"one", b"two"])
    assert version.verification is None


def test_the_store_takes_it_for_no_version(tmp_path: Path) -> None:
    output = Output(tmp_path / "output")
    version = fabricate(output)
    verification.keep(version.verification_folder, make(GOOD), [b"", b""])
    store = Store(output.templates)
    assert store.templates() == ["tiny"]
    assert store.versions("tiny") == [version]
    assert store.channels("tiny") == {"latest": version.name}
    assert store.find("tiny") == version
