"""What is said of a version that did not pass, and what `golden verify` refuses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from builder.cli import app
from builder.errors import HostError
from builder.paths import Output
from builder.store import Verification
from builder.store.verification import CheckResult, CloneReport
from builder.verify import VerifySettings, error_of
from builder.verify.verify import require_space
from tests.nodes.templates import fabricate


def make(*checks: CheckResult, clones: tuple[CloneReport, ...] = ()) -> Verification:
    return Verification(when="2026-11-23T10:11:12+00:00", seconds=1, accelerator="tcg", checks=checks, clones=clones)


def test_what_failed_is_named_with_the_end_of_the_console(tmp_path: Path) -> None:
    version = fabricate(Output(tmp_path / "output"))
    login = CheckResult(name="login", ok=False, message="clone 2: its kernel panicked: no root\nis there a root?")
    clones = (
        CloneReport(tail="Booting\nslowly"),
        CloneReport(trouble="its kernel panicked: no root", tail="[ 1.0] panic\nend"),
    )
    error = error_of(version, make(login, clones=clones))
    assert error.exit_code == 5
    assert str(error) == (
        f"{version} failed its verification: login\n"
        "  login: clone 2: its kernel panicked: no root\n"
        "  is there a root?\n"
        "  the last lines of clone 2's console:\n"
        "    [ 1.0] panic\n"
        "    end\n"
        f"hint: read the consoles of both clones in {version.verification_folder}"
    )


def test_without_a_prompt_the_first_console_is_shown(tmp_path: Path) -> None:
    version = fabricate(Output(tmp_path / "output"))
    login = CheckResult(name="login", ok=False, message="no login prompt within 300 s")
    clones = (CloneReport(seconds=20.0, tail="one"), CloneReport(tail="two"))
    assert "clone 2's console:\n    two" in str(error_of(version, make(login, clones=clones)))


def test_where_both_came_up_no_console_is_shown(tmp_path: Path) -> None:
    version = fabricate(Output(tmp_path / "output"))
    checks = [
        CheckResult(name=name, ok=ok, message="hm") for name, ok in (("login", True), ("units", False), ("x", False))
    ]
    said = str(error_of(version, make(*checks, clones=(CloneReport(seconds=1.0, tail="one"),))))
    assert "failed its verification: units, x\n  units: hm\n  x: hm\nhint:" in said


def test_a_full_disk_is_not_the_versions_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_space(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    with pytest.raises(HostError, match="no space left") as caught:
        require_space(tmp_path)
    assert "1.0 MiB free" in (caught.value.details or "")


def test_how_long_clones_may_take() -> None:
    assert (VerifySettings().for_kind("kvm"), VerifySettings().for_kind("tcg")) == (300, 900)
    assert VerifySettings(60).for_kind("tcg") == 60


def test_what_cannot_be_verified(tmp_path: Path) -> None:
    output = Output(tmp_path / "output")
    version = fabricate(output)
    for arguments, words in (
        (["verify", "other"], "no such template: other"),
        (["verify", "tiny@stable"], "no such version or channel"),
    ):
        done = CliRunner().invoke(app, [*arguments, "--output", str(output.root)])
        assert words in str(done.exception)
    assert CliRunner().invoke(app, ["verify", "tiny", "--timeout", "0"]).exit_code == 2
    (version.folder / "domain.xml.j2").unlink()
    done = CliRunner().invoke(app, ["verify", "tiny", "--output", str(output.root)])
    assert isinstance(done.exception, HostError)
    assert "the domain XML of tiny:" in str(done.exception)
    assert version.verification is None
