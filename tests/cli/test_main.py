"""The command as a user meets it: what it says, where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builder import __version__, locks
from builder.cli import app
from builder.paths import Output
from tests.conftest import GOLDEN, Golden

RECIPE = """\
name: web
base: {bootstrap: {distribution: debian, release: bookworm, mirror: http://mirror.example/debian}}
steps:
  - timezone: Europe/London
  - run-command: |
      first
      second
"""


@pytest.fixture
def place(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "web.yaml"
    file.write_text(RECIPE)
    return file


def test_version(golden: Golden) -> None:
    done = golden("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"golden {__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["lst"], ["list", "--outptu", "x"]])
def test_wrong_usage(golden: Golden, arguments: list[str]) -> None:
    done = golden(*arguments)
    assert done.returncode == 2
    assert "Usage: golden" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_folder_that_is_a_file(golden: Golden) -> None:
    done = golden("list", "--output", __file__)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: the output folder is not a folder: {__file__}\nhint: ")


def test_an_unknown_template(golden: Golden, place: Output) -> None:
    done = golden("show", "web", at=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("error: no such template: web\nhint: run `golden build RECIPE` to build a template\n")
    assert not place.root.exists()


def test_a_wrong_recipe(golden: Golden, place: Output, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(RECIPE.replace("timezone", "timezon").replace("name: web", "name: a/b"))
    done = golden("build", wrong, at=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert f'{wrong}:4:5: unknown step "timezon"; did you mean "timezone"?\nhint: ' in done.stderr
    assert done.stderr.startswith(f"error: {wrong}:1:7: ")
    assert not place.root.exists()


def test_a_recipe_that_is_not_there(golden: Golden, tmp_path: Path) -> None:
    done = golden("build", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/none.yaml:1:1: no such recipe")


def test_an_output_folder_that_cannot_be_written(golden: Golden, recipe: Path, place: Output) -> None:
    place.root.mkdir()
    place.cache.write_text("a file")
    done = golden("build", recipe, at=place)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: cannot write to the output folder: {place.root}\n  [Errno ")
    assert done.stderr.endswith(
        "hint: check its owner and permissions; with another folder (--output), golden does not find these templates\n"
    )


def test_plan(recipe: Path, place: Output) -> None:
    done = CliRunner().invoke(app, ["plan", str(recipe), "--output", str(place.root)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        "run   bootstrap debian bookworm  never built\n"
        "run   timezone Europe/London     never built\n"
        "run   run-command first second   never built\n"
        "run   seal                       never built\n"
        "run   publish                    never built\n"
    )
    assert not place.root.exists(), "it changes nothing"


def test_plan_json(recipe: Path, place: Output) -> None:
    done = CliRunner().invoke(app, ["plan", str(recipe), "--json", "--output", str(place.root)])
    assert (done.exit_code, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["template"], told["changed"]) == ("web", True)
    assert [action["step"] for action in told["actions"]] == ["base", "timezone", "run-command", "seal", "publish"]
    assert {action["status"] for action in told["actions"]} == {"run"}
    assert all(len(action["key"]) == 64 for action in told["actions"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_waits_for_another_build(recipe: Path, place: Output, number: int) -> None:
    with (
        locks.held(place.work / "web.lock"),
        subprocess.Popen(
            [GOLDEN, "build", recipe],
            env={**os.environ, "GOLDEN_OUTPUT": str(place.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as build,
    ):
        assert build.stderr is not None
        assert build.stderr.readline() == "  another build of web is running; waiting for it to end\n"
        begun = time.monotonic()
        build.send_signal(number)
        stdout, stderr = build.communicate(timeout=10)
    assert time.monotonic() - begun < 5
    assert (build.returncode, stdout) == (130, "")
    assert "interrupted; finished layers are kept" in stderr
    assert "Traceback" not in stderr
    assert not list(place.root.glob("cache/*/*"))


def test_a_clone_loads_no_libguestfs() -> None:
    program = "import sys, builder.cli, builder.nodes.cloning.clone; print('guestfs' in sys.modules)"
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert asked.stdout == "False\n"
