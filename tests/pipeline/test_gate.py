"""`latest` and a gate: builds of which all layers are there, with a gate of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from builder.errors import HostError, VerifyError
from builder.events import silent
from builder.paths import Output
from builder.pipeline import SealedDisk, build
from builder.pipeline.gate import find_pending
from builder.pipeline.publish import to_verify
from builder.plan import Plan, make_plan
from builder.recipe import Recipe, load
from builder.store import Store, Verification, Version, verification
from builder.store.manifest import ManifestCommand, ManifestVerify
from builder.store.reference import LATEST
from builder.store.verification import CheckResult
from tests.nodes.templates import fabricate
from tests.plan.test_plan import BASE, fill, publish

OLD, NEW = "Etc/UTC", "Europe/London"


@dataclass
class Judging:
    """A gate that judges as told; builds that would have to boot an appliance for it have no place here."""

    passes: bool
    judged: list[str] = field(default_factory=list)

    def prepare(self, branch: SealedDisk) -> NoReturn:
        raise AssertionError("something was built")

    def judge(self, version: Version) -> None:
        self.judged.append(version.name)
        keep(version, self.passes)
        if not self.passes:
            raise VerifyError(f"{version} failed its verification: login")


def keep(version: Version, ok: bool) -> None:
    check = CheckResult(name="login", ok=ok, message="hm")
    found = Verification(when="2026-11-23T10:11:12+00:00", seconds=1, accelerator="tcg", checks=(check,))
    verification.keep(version.verification_folder, found, [])


class Bench:
    """A store and a cache in which everything is there of a recipe with the one time zone or the other."""

    def __init__(self, folder: Path) -> None:
        self.output = Output(folder / "output")
        self.output.cache.mkdir(parents=True)
        self.output.secret_key.write_bytes(b"0123456789abcdef0123456789abcdef")
        self.store = Store(self.output.templates)
        self._file = folder / "recipe.yaml"

    def recipe(self, zone: str, beside: str = "") -> Recipe:
        self._file.write_text(f"name: web\n{BASE}\nsteps:\n  - timezone: {zone}\n{beside}")
        return load(self._file)

    def plan(self, zone: str) -> Plan:
        return make_plan(self.recipe(zone), self.output)

    def publish(self, zone: str, *, latest: bool = True, passed: bool | None = None) -> Version:
        fill(self.output, self.plan(zone))
        publish(self.output, self.plan(zone), latest=latest)
        version = self.store.versions("web")[-1]
        if passed is not None:
            keep(version, passed)
        return version

    @property
    def latest(self) -> str | None:
        found = self.store.find_channel("web")
        return found.name if found else None

    def build(self, zone: str, gate: Judging | None) -> tuple[str, bool]:
        result = build(self.recipe(zone), self.output, silent, gate=gate)
        return result.version.name, result.changed


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_passed_is_not_judged_again(bench: Bench) -> None:
    version = bench.publish(OLD, passed=True)
    gate = Judging(passes=True)
    assert bench.build(OLD, gate) == (version.name, False)
    assert gate.judged == []


def test_what_nobody_judged_is(bench: Bench) -> None:
    version = bench.publish(OLD)
    gate = Judging(passes=True)
    assert bench.build(OLD, gate) == (version.name, False)
    assert bench.build(OLD, gate) == (version.name, False)
    assert gate.judged == [version.name]


def test_without_a_gate_nothing_is_judged(bench: Bench) -> None:
    version = bench.publish(OLD, passed=False)
    assert bench.build(OLD, None) == (version.name, False)


def test_a_build_that_ended_before_its_gate_goes_on_there(bench: Bench) -> None:
    bench.publish(OLD, passed=True)
    waiting = bench.publish(NEW, latest=False)
    gate = Judging(passes=True)
    assert bench.build(NEW, gate) == (waiting.name, True)
    assert (gate.judged, bench.latest) == ([waiting.name], waiting.name)


def test_one_that_ended_behind_its_gate_only_moves_the_channel(bench: Bench) -> None:
    bench.publish(OLD, passed=True)
    waiting = bench.publish(NEW, latest=False, passed=True)
    gate = Judging(passes=True)
    assert bench.build(NEW, gate) == (waiting.name, True)
    assert (gate.judged, bench.latest) == ([], waiting.name)


def test_the_very_first_version_waits_as_well(bench: Bench) -> None:
    waiting = bench.publish(OLD, latest=False)
    with pytest.raises(VerifyError, match="there is no latest"):
        bench.build(OLD, Judging(passes=False))
    assert bench.latest is None
    assert bench.build(OLD, Judging(passes=True)) == (waiting.name, True)


def test_what_failed_is_never_unchanged(bench: Bench) -> None:
    good = bench.publish(OLD, passed=True)
    failed = bench.publish(NEW, latest=False, passed=False)
    for _ in range(2):
        gate = Judging(passes=False)
        with pytest.raises(VerifyError, match=f"failed its verification: login; latest stays at {good.name}"):
            bench.build(NEW, gate)
        assert (gate.judged, bench.latest) == ([failed.name], good.name)
    # It is what is latest that failed.
    keep(good, False)
    with pytest.raises(VerifyError, match=f"latest stays at {good.name}"):
        bench.build(OLD, Judging(passes=False))


def test_the_recipe_goes_back_to_what_is_latest(bench: Bench) -> None:
    good = bench.publish(OLD, passed=True)
    bench.publish(NEW, latest=False, passed=False)
    assert bench.build(OLD, Judging(passes=False)) == (good.name, False)


def test_only_what_is_newer_and_whole_waits(bench: Bench) -> None:
    older = bench.publish(OLD, passed=True)
    bench.publish(NEW, passed=True)
    assert find_pending(bench.plan(OLD), bench.output) is None, f"{older} is older than what is latest"
    newest = bench.publish(OLD, latest=False)
    assert find_pending(bench.plan(OLD), bench.output) == newest
    newest.manifest_file.chmod(0o644)
    newest.manifest_file.write_text("{}")
    with pytest.raises(HostError, match="is damaged"):
        _ = newest.manifest
    assert find_pending(bench.plan(OLD), bench.output) is None


def test_what_is_like_what_is_latest_but_failed_is_never_unchanged(bench: Bench) -> None:
    """What came from the same recipe, and of newer packages."""
    good = bench.publish(OLD, passed=True)
    for passed in (False, None):
        failed = bench.publish(OLD, latest=False, passed=passed)
        gate = Judging(passes=False)
        with pytest.raises(VerifyError, match=f"latest stays at {good.name}"):
            bench.build(OLD, gate)
        assert gate.judged == [failed.name]
    assert bench.build(OLD, None) == (good.name, False)
    assert bench.build(OLD, Judging(passes=True)) == (failed.name, True)


def test_nobody_who_went_back_is_led_forward_again(bench: Bench) -> None:
    good = bench.publish(OLD, passed=True)
    bench.publish(OLD, passed=True)
    bench.store.point("web", LATEST, good.name, how="rollback")
    assert bench.build(OLD, Judging(passes=True)) == (good.name, False)


def test_what_would_be_built_anew_waits_for_nothing(bench: Bench) -> None:
    bench.publish(OLD, passed=True)
    bench.publish(NEW, latest=False)
    plan = bench.plan(NEW)
    assert find_pending(plan, bench.output) is not None
    bench.output.layers.joinpath(f"{plan.seal.key}.json").unlink()
    assert find_pending(bench.plan(NEW), bench.output) is None


def test_the_commands_are_part_of_the_publication_alone(bench: Bench) -> None:
    bench.publish(OLD)
    plans = [
        make_plan(bench.recipe(OLD, f"verify:\n  - {each}\n"), bench.output)
        for each in ("'true'", "'false'", "{command: 'true', expect: x}")
    ]
    assert len({plan.publish.key for plan in plans}) == 3
    for plan in plans:
        assert [action.step for action in plan.actions if not action.reused] == ["publish"]
        assert plan.publish.reason == "its options changed"


def test_what_grows_in_the_parent_grows_in_the_child(tmp_path: Path) -> None:
    """Its commands are its own."""
    output = Output(tmp_path / "output")
    fabricate(output, verify={"commands": [{"command": "true"}], "grown": ["/srv"]})
    file = tmp_path / "child.yaml"
    file.write_text("name: child\nbase: {template: tiny}\nsteps: [growpart: /]\nverify: ['false']\n")
    assert to_verify(make_plan(load(file), output)) == ManifestVerify(
        commands=[ManifestCommand(command="false")], grown=["/", "/srv"]
    )
