"""Builds of different recipes that have steps in common, at the same time."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.appliance.handle import ApplianceSettings
from builder.events import silent
from builder.layers import LayerCache
from builder.layers.work import work_folder
from builder.paths import Output
from builder.pipeline.base import info_of, prepare_base
from builder.pipeline.build import make_secret_key, run_step
from builder.pipeline.journal import BuildJournal
from builder.pipeline.run import BuildRun
from builder.pipeline.session import BuildSession
from builder.plan import make_plan
from builder.recipe import load
from tests.conftest import Golden
from tests.guests.small import make_small
from tests.pipeline.builds import SMALL, running_build, write_recipe

pytestmark = pytest.mark.slow

SHARED = ("write: {path: /etc/first, content: one}", "write: {path: /etc/second, content: two}")


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    make_small(tmp_path / "small.qcow2")
    return tmp_path


def write(folder: Path, name: str, *steps: str) -> Path:
    return write_recipe(folder, name, *steps, base=SMALL)


def statuses(result: str) -> list[str]:
    return [action["status"] for action in json.loads(result)["actions"]]


def test_the_layers_of_a_build_under_way_are_used(golden: Golden, bare: Output, recipes: Path, tmp_path: Path) -> None:
    slow = write(recipes, "slow", *SHARED, "run-command: sleep 300")
    quick = write(recipes, "quick", *SHARED)
    with running_build(slow, bare, tmp_path / "log") as build:
        build.wait_for("… run-command")
        done = golden("build", quick, "--json", at=bare)
        assert build.process.poll() is None
    assert done.returncode == 0, done.stderr
    assert statuses(done.stdout) == ["cached", "cached", "cached", "ran", "ran"]


def test_two_that_would_make_the_same_layer(golden: Golden, bare: Output, recipes: Path, tmp_path: Path) -> None:
    """The second waits for what the first comes to, beginning with the base; and makes it where that was killed."""
    same = "run-command: sleep 2; cat /proc/sys/kernel/random/uuid >/etc/first"
    one, two = write(recipes, "one", same, "run-command: sleep 300"), write(recipes, "two", same, "hostname: two")
    with running_build(one, bare, tmp_path / "1.log") as first:
        first.wait_for("… image small.qcow2")
        with running_build(two, bare, tmp_path / "2.log") as second:
            second.wait_for("another build is running image small.qcow2")
            second.wait_for("another build is running run-command sleep 2")
            result = second.finish()
            assert first.process.poll() is None
    assert statuses(result) == ["cached", "cached", "ran", "ran", "ran"]

    with running_build(write(recipes, "one", "run-command: sleep 300"), bare, tmp_path / "3.log") as first:
        first.wait_for("… run-command sleep 300")
        with running_build(write(recipes, "two", "run-command: sleep 300"), bare, tmp_path / "4.log") as second:
            second.wait_for("another build is running")
            first.stop(signal.SIGKILL)
            second.wait_for("… run-command sleep 300")
            assert second.stop(signal.SIGINT) == 130


@contextmanager
def begun(recipe: Path, output: Output) -> Iterator[BuildRun]:
    """A build of which the caller takes the steps."""
    plan = make_plan(load(recipe), output)
    settings, cache = ApplianceSettings(output.appliance), LayerCache(output.layers)
    with work_folder(output) as work, BuildSession(settings, work, cache, silent) as session:
        yield BuildRun(plan, output, session, BuildJournal(silent))


def test_what_another_build_put_between_is_below_what_follows(bare: Output, recipes: Path) -> None:
    """Its own layer, another's on that one, and its own again."""
    make_secret_key(bare)
    third = "run-command: cat /etc/first /etc/second >/etc/third"
    with begun(write(recipes, "one", *SHARED, third), bare) as one:
        base = prepare_base(one)
        info = info_of(base)
        below = run_step(one, one.plan.steps[0], base, info)
        with begun(write(recipes, "two", *SHARED), bare) as two:
            for action in two.plan.steps:
                other = run_step(two, action, below if action is two.plan.steps[1] else base, info)
            assert [done.status for done in two.journal.done] == ["cached", "ran"]
        below = run_step(one, one.plan.steps[1], below, info)
        assert below == other
        run_step(one, one.plan.steps[2], below, info)
        assert [done.status for done in one.journal.done][-3:] == ["ran", "cached", "ran"]
        guest = one.session.guest
        guest.thaw()
        assert guest.read("/etc/third") == "onetwo"
        guest.unmount()


def test_a_layer_that_another_build_made_first(bare: Output, recipes: Path) -> None:
    """What follows stands on that one, not on one's own, which is thrown away."""
    make_secret_key(bare)
    same = "run-command: cat /proc/sys/kernel/random/uuid >/etc/first"
    after = "run-command: cp /etc/first /etc/second"
    with begun(write(recipes, "one", same, after), bare) as one, begun(write(recipes, "two", same), bare) as two:
        base = prepare_base(one)
        info = info_of(base)
        action = one.plan.steps[0]
        action.options.apply(one.session.open_overlay(base, info, silent))
        made = run_step(two, two.plan.steps[0], base, info)
        finished = one.session.finish_layer(action.key)
        assert one.session.commit(action.key, finished, {"log": ""}, base) == made
        run_step(one, one.plan.steps[1], made, info)
        seen = []
        for session in (one.session, two.session):
            session.guest.thaw()
            seen.append(session.guest.read("/etc/first"))
        assert seen[0] == seen[1] == one.session.guest.read("/etc/second")
        for session in (one.session, two.session):
            session.guest.unmount()
