"""kill -9 at ten moments: nothing is left running, nothing half-made is used, and the build ends the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from builder.paths import Output
from tests.conftest import DEBIAN, Golden
from tests.pipeline.builds import find_processes, running_build, wait_until_gone, write_recipe

pytestmark = pytest.mark.slow

STEPS = (
    "uninstall: [nano]",
    "uninstall: [tasksel*]",
    'write: {path: /etc/motd, content: "killed ten times"}',
    "kernel-args: {add: [answer=42]}",
)

MOMENTS = (
    (None, 0.3),
    ("booting the appliance", 3.0),
    ("… uninstall nano", 0.5),
    ("… uninstall nano", 3.0),
    ("… uninstall tasksel", 1.0),
    ("… uninstall tasksel", 4.0),
    ("… boot-loader", 3.0),
    ("… seal", 0.2),
    ("… seal", 2.0),
    ("… publish", 0.2),
)
"""What the build has just said when it is killed, and how many seconds later."""


@pytest.mark.parametrize("moments", [MOMENTS[::4], pytest.param(MOMENTS, marks=pytest.mark.soak)], ids=["few", "all"])
def test_kills_and_then_the_same_packages(
    golden: Golden, fresh: Output, tmp_path: Path, moments: Sequence[tuple[str | None, float]]
) -> None:
    recipe = write_recipe(tmp_path, "killed", *STEPS)
    calm = golden("build", recipe, "--json", at=fresh)
    assert calm.returncode == 0, calm.stderr
    undisturbed = json.loads(calm.stdout)

    stormy = Output(tmp_path / "stormy")
    shutil.copytree(fresh.bases, stormy.bases, copy_function=os.link)
    for number, (said, delay) in enumerate(moments):
        with running_build(recipe, stormy, tmp_path / f"{number}.log") as build:
            if said:
                build.wait_for(said)
            time.sleep(delay)
            assert build.stop(signal.SIGKILL) == -signal.SIGKILL, f"the build was over before: {build.said}"
        wait_until_gone(*build.machines)
        wait_until_gone("qemu-img", str(stormy.root))
        listed = golden("list", "--json", at=stormy)
        assert (listed.returncode, json.loads(listed.stdout)) == (0, [])

    done = golden("build", recipe, "--json", at=stormy)
    assert done.returncode == 0, done.stderr
    survived = json.loads(done.stdout)
    assert packages(survived["path"]) == packages(undisturbed["path"])
    assert "cached" in {action["status"] for action in survived["actions"]}, "nothing was resumed"
    assert [path.name for path in stormy.layers.iterdir() if path.name != ".lock" and path.name.startswith(".")] == []
    assert [path.name for path in stormy.work.iterdir() if path.is_dir()] == []


def packages(version: str) -> bytes:
    manifest = json.loads((Path(version) / "manifest.json").read_text())
    return json.dumps(manifest["packages"]).encode()


def test_a_killed_bootstrap_leaves_no_process_and_no_base(golden: Golden, tmp_path: Path) -> None:
    output = Output(tmp_path / "output")
    with running_build(DEBIAN, output, tmp_path / "log") as build:
        build.wait_for("… bootstrap")
        time.sleep(6)
        assert find_processes("mmdebstrap", str(output.root))
        build.stop(signal.SIGKILL)
    wait_until_gone(str(output.root))
    assert {path.suffix for path in output.bases.iterdir()} <= {".lock", ""}, "there is a base, or half of one"
