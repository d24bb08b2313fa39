"""Replaces golden in nightly runs of the tests: `python -m tests.nightly.worker build RECIPE …`.

It makes no disk that boots, but publishes as golden does. What becomes of a recipe stands in its
summary: `fails`, `unverified`, `sleeps`, `dies`, or nothing of these. `night RECIPES` is a whole night of such
builds, two at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from builder.events import silent
from builder.paths import Output
from builder.plan import Plan, Refresh, make_plan
from builder.recipe import load
from builder.store import Version, verification
from builder.store.verification import CheckResult, CloneReport, Verification
from tests.nodes.templates import fabricate

WORKER = [sys.executable, "-m", "tests.nightly.worker"]

PANIC = "Kernel panic - not syncing: VFS: Unable to mount root fs"

BASE = '{bootstrap: {distribution: debian, release: bookworm, mirror: "http://127.0.0.1:9/debian"}}'


def write_recipe(folder: Path, name: str, text: str = "hello", summary: str = "", base: str = BASE) -> Path:
    """Write a recipe that is quick to plan."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(
        f"name: {name}\nsummary: {summary!r}\nbase: {base}\n"
        f"steps:\n  - write: {{path: /etc/motd, content: {json.dumps(text)}}}\n"
    )
    return path


def build(file: Path, output: Output, *, verify: bool) -> int:
    recipe = load(file)
    plan = make_plan(recipe, output)
    match recipe.summary:
        case "fails":
            print(
                f"… install gcc-99\nerror: {recipe.where_base}: the step install gcc-99 failed\nhint: why not",
                file=sys.stderr,
            )
            return 4
        case "dies":
            print("… about to die", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleeps":
            print("sleeping", file=sys.stderr, flush=True)
            time.sleep(600)
        case "unverified":
            judge(make(plan, output, release=False), passed=False)
            print(f"error: {recipe.name} failed its verification", file=sys.stderr)
            return 5
    version = make(plan, output)
    if verify:
        judge(version, passed=True)
    print(json.dumps(result(plan, version)))
    return 0


def make(plan: Plan, output: Output, *, release: bool = True) -> Version:
    packages = [{"name": "curl", "arch": "amd64", "version": str(time.time_ns())}]
    return fabricate(output, plan.recipe.name, release=release, key=plan.publish.key, packages=packages)


def judge(version: Version, *, passed: bool) -> None:
    found = Verification(
        when="2026-11-25T02:40:00+00:00",
        seconds=1.0,
        accelerator="tcg",
        checks=(CheckResult(name="login", ok=passed, message="a prompt" if passed else "no prompt"),),
        clones=(CloneReport(tail="" if passed else f"booting\n{PANIC}"),),
    )
    verification.keep(version.verification_folder, found, [])


def result(plan: Plan, version: Version) -> dict[str, object]:
    actions = [
        {"step": each.step, "key": each.key, "status": "ran", "reason": each.reason, "seconds": 0.5}
        for each in plan.actions
    ]
    return {"template": version.template, "version": version.name, "changed": True, "seconds": 1.0, "actions": actions}


def main() -> int:
    command, place, *options = sys.argv[1:]
    output = Output(Path(os.environ["GOLDEN_OUTPUT"]))
    if command == "build":
        return build(Path(place), output, verify="--verify" in options)

    from builder.cli import Interruption  # every build would wait for these to be loaded
    from builder.nightly.image import NightOrder
    from builder.nightly.night import Night, run_night

    Interruption()
    order = NightOrder(WORKER, Refresh().at(output), promote_to="stable")
    return run_night(Night(Path(place), order, at_once=2), output, silent).exit_code


if __name__ == "__main__":
    sys.exit(main())
