"""Nightly runs with made-up builds: the outcome of each recipe, and the report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.errors import HostError, InUseError, RequestError
from builder.events import silent
from builder.nightly.folder import KEPT, NightlyFolder
from builder.nightly.image import NightOrder
from builder.nightly.night import Night, check_metrics_file, run_night
from builder.nightly.report import RecipeOutcome, Report, read_report
from builder.paths import Output
from builder.pipeline.build import make_secret_key
from builder.plan import Refresh, make_plan
from builder.recipe import load
from builder.store import Store
from tests.conftest import PROJECT, Golden
from tests.nightly.worker import PANIC, WORKER, judge, make, write_recipe
from tests.pipeline.builds import wait_until_gone

Run = Callable[..., dict[str, RecipeOutcome]]


@pytest.fixture
def own(tmp_path: Path) -> Output:
    output = Output(tmp_path / "output")
    make_secret_key(output)
    return output


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    return tmp_path / "recipes"


@pytest.fixture
def run(own: Output, recipes: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """One run; returns its outcomes by template."""
    monkeypatch.chdir(PROJECT)

    def run(golden: list[str] | None = None, **options: Any) -> dict[str, RecipeOutcome]:
        night = {name: options.pop(name) for name in ("at_once", "metrics", "report") if name in options}
        order = NightOrder(golden or WORKER, Refresh().at(own), **options)
        told = run_night(Night(recipes, order, **night), own, silent)
        return {image.template: image for image in told.images}

    return run


def last(own: Output) -> Report:
    return read_report(own.nightly / "report.json")


def latest(own: Output, name: str) -> str | None:
    version = Store(own.templates).find_channel(name)
    return version.name if version else None


def test_first_all_are_built_then_none(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "base")
    write_recipe(recipes, "app", base="{template: base}")
    (recipes / "notes.yml").write_text("just: notes\n")
    first = run(at_once=2)
    assert {name: image.state for name, image in first.items()} == {"app": "rebuilt", "base": "rebuilt"}
    assert first["base"].before is None
    assert first["base"].after == latest(own, "base")
    assert first["base"].why[0].endswith(": never built")
    assert [took.title for took in first["base"].actions][-2:] == ["seal", "publish"]
    assert first["base"].last_success is not None
    assert last(own).exit_code == 0

    second = run(golden=["false"])
    assert {image.state for image in second.values()} == {"unchanged"}, "a process was started for them"
    assert second["app"].after == latest(own, "app")

    write_recipe(recipes, "app", "another text", base="{template: base}")
    third = run()
    assert {name: image.state for name, image in third.items()} == {"app": "rebuilt", "base": "unchanged"}
    app = third["app"]
    assert app.before == first["app"].after
    assert len(app.why) == 1
    (change,) = app.packages
    assert (change.name, change.arch) == ("curl", "amd64")
    assert change.before
    assert change.after
    assert int(change.before) < int(change.after)


def test_what_is_not_verified_yet_is(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "base")
    assert run(verify=False)["base"].state == "rebuilt"
    assert run(verify=False, golden=["false"])["base"].state == "unchanged"
    found = run()["base"]
    assert found.why[0].endswith("has not been verified yet")
    assert run(golden=["false"])["base"].state == "unchanged"


def test_one_that_fails_stops_only_what_stands_on_it(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "good")
    write_recipe(recipes, "bad")
    before = run()["bad"]
    time.sleep(0.01)
    write_recipe(recipes, "bad", summary="fails")
    write_recipe(recipes, "child", base="{template: bad}")
    write_recipe(recipes, "grandchild", base="{template: child}")
    write_recipe(recipes, "dead", summary="dies")
    (recipes / "broken.yaml").write_text("name: [\n")
    (recipes / "wrong.yaml").write_text("name: wrong\nbase: {image: gone.qcow2}\nsteps:\n  - no-such-step: 1\n")
    found = run(at_once=3)
    states = {name: image.state for name, image in found.items()}
    assert states == {
        "good": "unchanged",
        "bad": "failed",
        "child": "skipped",
        "grandchild": "skipped",
        "dead": "failed",
        "broken": "failed",
        "wrong": "failed",
    }
    bad = found["bad"]
    assert bad.error
    assert bad.error.endswith("bad.yaml:3:7: the step install gcc-99 failed\nhint: why not")
    assert (bad.exit_code, bad.before, bad.after) == (4, before.after, None)
    assert bad.last_success == before.last_success
    assert bad.log
    assert "… install gcc-99" in Path(bad.log).read_text()
    assert found["child"].why == ("its parent bad failed",)
    assert found["grandchild"].why == ("its parent child was skipped",)
    assert found["dead"].error == "it was killed by signal 9\n… about to die"
    assert found["dead"].exit_code == 4
    for name in ("broken", "wrong"):
        assert found[name].exit_code == 2
        assert f"{name}.yaml:" in (found[name].error or "")
    assert "unknown step" in (found["wrong"].error or "")
    assert last(own).exit_code == 4
    assert latest(own, "bad") == before.after


def test_one_that_does_not_boot_is_told_with_its_console(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "gateway")
    good = run(promote_to="stable")["gateway"]
    write_recipe(recipes, "gateway", "broken", summary="unverified")
    bad = run(promote_to="stable")["gateway"]
    assert (bad.state, bad.exit_code, bad.before) == ("unverified", 5, good.after)
    assert bad.after != good.after
    assert bad.console[-1] == PANIC
    assert bad.promoted == ()
    assert Store(own.templates).channels("gateway") == {"latest": good.after, "stable": good.after}
    assert PANIC in (own.nightly / "report.html").read_text()
    assert PANIC in (own.nightly / "report.txt").read_text()
    assert last(own).exit_code == 5


def test_a_version_is_promoted_once(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "base")
    store = Store(own.templates)
    first = run()["base"]
    assert first.promoted == ()
    assert run(promote_to="stable", golden=["false"])["base"].promoted == ("stable",)
    assert store.history("base")[-1].why == "nightly run"
    write_recipe(recipes, "base", "new")
    second = run(promote_to="stable")["base"]
    assert second.promoted == ("stable",)
    assert store.channels("base")["stable"] == second.after
    store.rollback("base", "stable", "it is slow")
    again = run(promote_to="stable")["base"]
    assert (again.state, again.promoted) == ("unchanged", ())
    assert store.channels("base")["stable"] == first.after, "the night undid what somebody did on purpose"


def test_circles_and_twins_are_refused_one_by_one(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "good")
    write_recipe(recipes, "egg", base="{template: hen}")
    write_recipe(recipes, "hen", base="{template: egg}")
    write_recipe(recipes, "chick", base="{template: hen}")
    write_recipe(recipes, "one")
    (recipes / "other.yaml").write_text((recipes / "one.yaml").read_text())
    (recipes / "good.yml").write_text("name: [\n")
    run()
    found = {image.recipe.removesuffix(".yaml"): image for image in last(own).images}
    assert found.pop("good.yml").state == "failed"
    assert {name: image.state for name, image in found.items()} == {
        "good": "rebuilt",
        "egg": "failed",
        "hen": "failed",
        "chick": "skipped",
        "one": "failed",
        "other": "failed",
    }
    assert "in a cycle" in (found["egg"].error or "")
    assert "several recipes in this folder are named one: one.yaml, other.yaml" in (found["other"].error or "")


def test_a_named_version_stays_though_its_recipe_fails(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "base")
    version = run()["base"].after
    write_recipe(recipes, "base", summary="fails")
    write_recipe(recipes, "fixed", base=f'{{template: "base:{version}"}}')
    assert {name: image.state for name, image in run().items()} == {"base": "failed", "fixed": "rebuilt"}


def test_metrics_and_report_elsewhere(run: Run, recipes: Path, own: Output, tmp_path: Path) -> None:
    write_recipe(recipes, "base")
    run(metrics=tmp_path / "metrics/golden.prom", report=tmp_path / "www")
    assert (
        'golden_template_state{state="rebuilt",template="base"} 1.0\n' in (tmp_path / "metrics/golden.prom").read_text()
    )
    assert [path.name for path in (tmp_path / "metrics").iterdir()] == ["golden.prom"], "a collector would read it"
    for name in ("report.html", "report.json", "report.txt"):
        assert (tmp_path / "www" / name).read_text() == (own.nightly / "last" / name).read_text()
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="the folder for the report or the metrics"):
        run(metrics=tmp_path / "file/golden.prom")


def test_two_nights(run: Run, recipes: Path, own: Output, golden: Golden) -> None:
    write_recipe(recipes, "base")
    with NightlyFolder(own.nightly).held():
        with pytest.raises(InUseError, match="a nightly run is already running"):
            run()
        done = golden("nightly", "run", recipes, at=own)
    assert done.returncode == 6
    assert done.stderr.startswith("error: a nightly run is already running\n")
    assert not list(own.nightly.glob("2*"))


def test_no_recipes(recipes: Path, own: Output, golden: Golden) -> None:
    done = golden("nightly", "run", recipes, at=own)
    assert (done.returncode, done.stdout) == (3, "")
    recipes.mkdir()
    done = golden("nightly", "run", recipes, at=own)
    assert done.returncode == RequestError.exit_code
    assert "there are no recipes in" in done.stderr


def test_old_runs_are_forgotten(run: Run, recipes: Path, own: Output) -> None:
    write_recipe(recipes, "base", summary="fails")
    own.nightly.mkdir(parents=True)
    for number in range(20):
        path = own.nightly / f"20260101T0000{number:02}Z"
        path.mkdir()
        os.utime(path, (number, number))
    (own.nightly / ".report.json.17.tmp").touch()
    (own.nightly / "mine").mkdir()
    run()
    left = sorted(path.name for path in own.nightly.glob("2*"))
    assert len(left) == KEPT
    assert left[0] == "20260101T000007Z"
    assert left[-1] == last(own).run == (own.nightly / "last").readlink().name
    assert not (own.nightly / ".report.json.17.tmp").exists()
    assert (own.nightly / "mine").exists()


def test_the_command(recipes: Path, own: Output, golden: Golden) -> None:
    for number in range(10):
        judge(make(make_plan(load(write_recipe(recipes, f"r{number}")), own), own), passed=True)
    done = golden("nightly", "run", recipes, "--json", at=own)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {image["state"] for image in told["images"]} == {"unchanged"}
    assert told["exit_code"] == 0
    print(f"ten unchanged recipes: {told['seconds']:.2f} s")
    assert told["seconds"] < 3
    shown = golden("nightly", "show", at=own)
    assert "\n10 recipes: 10 unchanged\n" in shown.stdout
    assert json.loads(golden("nightly", "show", "--json", at=own).stdout) == told
    assert golden("nightly", "show", at=Output(own.root / "elsewhere")).returncode == 2
    wrong = golden("nightly", "run", recipes, "--promote-to", "no/name", at=own)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert golden("nightly", "run", recipes, "--keep-last", "3", at=own).returncode == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_night_started_ends_with_it(recipes: Path, own: Output, tmp_path: Path, number: signal.Signals) -> None:
    for name in ("one", "two"):
        write_recipe(recipes, name, summary="sleeps")
    env = {**os.environ, "GOLDEN_OUTPUT": str(own.root)}
    with subprocess.Popen([*WORKER, "night", str(recipes)], env=env, cwd=PROJECT, stderr=subprocess.DEVNULL) as night:
        deadline = time.monotonic() + 60
        while sum("sleeping" in path.read_text() for path in own.nightly.glob("2*/*.log")) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        night.send_signal(number)
        night.wait(30)
    wait_until_gone("tests.nightly.worker", str(recipes))
    with NightlyFolder(own.nightly).held():
        assert not (own.nightly / "report.json").exists()


@pytest.mark.parametrize("name", ["metrics.txt", ".", "folder.prom", "link.prom", "fifo.prom"])
def test_metrics_replace_nothing_but_their_own_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.prom").mkdir()
    (tmp_path / "link.prom").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "fifo.prom")
    with pytest.raises(RequestError, match="cannot write metrics to"):
        check_metrics_file(tmp_path / name)
    check_metrics_file(tmp_path / "new.prom")
