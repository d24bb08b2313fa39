"""What goes wrong while a build runs: a clear error with its exit code, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.guest.info import GuestInfo
from builder.paths import Output
from tests.conftest import Golden
from tests.pipeline.builds import find_processes, running_build, wait_until_gone, write_recipe

pytestmark = pytest.mark.slow

KEPT = 'write: {path: /etc/kept, content: "made before the fault"}'


def test_a_failing_command_is_shown_and_the_next_build_resumes(golden: Golden, fresh: Output, tmp_path: Path) -> None:
    failing = "run-command: echo one; echo two >&2; grep nothing /etc/motd-of-mine"
    recipe = write_recipe(tmp_path, "failing", KEPT, failing)
    failed = golden("build", recipe, at=fresh)
    assert failed.returncode == 4
    line = recipe.read_text().splitlines().index(f"  - {failing}") + 1
    assert f"error: {recipe}:{line}:5: the step run-command" in failed.stderr
    assert "exited with status 2 in the guest" in failed.stderr
    assert "$ echo one; echo two >&2; grep nothing /etc/motd-of-mine\n  one\n  two\n  grep: " in failed.stderr
    assert "failing" not in golden("list", at=fresh).stdout

    mended = write_recipe(tmp_path, "failing", KEPT, "run-command: echo fine")
    done = golden("build", mended, "--json", at=fresh)
    assert done.returncode == 0, done.stderr
    statuses = {action["step"]: action["status"] for action in json.loads(done.stdout)["actions"]}
    assert (statuses["write"], statuses["run-command"]) == ("cached", "ran")


def test_a_failed_audit_publishes_nothing(golden: Golden, fresh: Output, tmp_path: Path) -> None:
    undone = write_recipe(tmp_path, "undone", KEPT, "run-command: rm /etc/kept")
    failed = golden("build", undone, at=fresh)
    assert failed.returncode == 4
    assert "audit of the sealed disk failed" in failed.stderr
    assert "/etc/kept" in failed.stderr
    assert "undone" not in golden("list", at=fresh).stdout


def test_interrupt_ends_the_appliance_at_once(fresh: Output, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "interrupted", KEPT, "run-command: sleep 300")
    with running_build(recipe, fresh, tmp_path / "log") as build:
        build.wait_for("… run-command")
        time.sleep(1)
        begun = time.monotonic()
        assert build.stop(signal.SIGINT) == 130
        assert time.monotonic() - begun < 10
        assert "interrupted; finished layers are kept" in build.said
        assert "Traceback" not in build.said
    wait_until_gone(*build.machines)


def test_a_killed_appliance_is_said_and_the_next_build_resumes(golden: Golden, fresh: Output, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "orphaned", KEPT, "run-command: sleep 5")
    with running_build(recipe, fresh, tmp_path / "log") as build:
        build.wait_for("… run-command")
        time.sleep(1)
        machines = find_processes(*build.machines)
        assert machines
        for pid in machines:
            os.kill(pid, signal.SIGKILL)
        assert build.process.wait(timeout=60) == 3
        assert "the appliance ended unexpectedly" in build.said
    done = golden("build", recipe, "--json", at=fresh)
    assert done.returncode == 0, done.stderr
    statuses = {action["step"]: action["status"] for action in json.loads(done.stdout)["actions"]}
    assert (statuses["write"], statuses["run-command"]) == ("cached", "ran")


def test_two_builds_of_one_recipe_take_turns(fresh: Output, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "twice", KEPT, "run-command: sleep 3")
    with running_build(recipe, fresh, tmp_path / "1.log") as first:
        first.wait_for("… run-command")
        with running_build(recipe, fresh, tmp_path / "2.log") as second:
            second.wait_for("another build of twice is running; waiting")
            one, two = json.loads(first.finish()), json.loads(second.finish())
    assert (one["changed"], two["changed"]) == (True, False)
    assert one["version"] == two["version"]


@pytest.fixture
def small_output(output: Output, debian_base: tuple[Path, GuestInfo], tmp_path: Path) -> Iterator[Output]:
    """An output folder with the base and little space beside it."""
    place = tmp_path / "small"
    place.mkdir()
    # No other base: one that is just being made would be taken for a wreck, and make room.
    bases = list(output.bases.glob(f"{debian_base[0].stem}.*"))
    shared = [*bases, *output.appliance.rglob("*")]
    needed = sum(path.stat().st_blocks * 512 for path in shared)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={needed + (64 << 20)}", "none", str(place)], check=True)
    small = Output(place)
    shutil.copytree(output.appliance, small.appliance)
    small.bases.mkdir()
    for file in bases:
        shutil.copy2(file, small.bases)
    room = shutil.disk_usage(place).free - (96 << 20)
    if room > 0:
        (place / "ballast").write_bytes(bytes(room))
    yield small
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_loses_nothing(golden: Golden, small_output: Output, tmp_path: Path) -> None:
    filling = "run-command: dd if=/dev/urandom of=/filling bs=1M count=300; sync"
    recipe = write_recipe(tmp_path, "filling", KEPT, filling)
    failed = golden("build", recipe, at=small_output)
    assert failed.returncode == 3, failed.stderr
    assert "no space left on this host" in failed.stderr
    assert json.loads(golden("list", "--json", at=small_output).stdout) == []
    planned = json.loads(golden("plan", recipe, "--json", at=small_output).stdout)
    statuses = {action["step"]: action["status"] for action in planned["actions"]}
    assert (statuses["write"], statuses["run-command"]) == ("cached", "run")


def test_a_host_without_kernel_or_appliance_is_told_what_to_install(
    golden: Golden, fresh: Output, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, "hostless", KEPT)
    empty = tmp_path / "empty"
    empty.mkdir()
    env = {"LIBGUESTFS_PATH": str(empty), "LIBGUESTFS_CACHEDIR": str(empty)}
    failed = golden("build", recipe, at=fresh, env=env)
    assert failed.returncode == 3
    assert "hint: " in failed.stderr


def test_an_image_without_a_system_is_refused(golden: Golden, fresh: Output, tmp_path: Path) -> None:
    disk = tmp_path / "empty.img"
    disk.write_bytes(bytes(510) + b"\x55\xaa" + bytes((4 << 20) - 512))
    recipe = tmp_path / "empty.yaml"
    recipe.write_text("name: empty\nbase: {image: empty.img}\n")
    failed = golden("build", recipe, at=fresh)
    assert failed.returncode == 4
    assert "holds no operating system" in failed.stderr
