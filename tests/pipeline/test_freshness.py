"""`golden build` and `golden plan` with --refresh, as far as no appliance is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from builder.cli import app
from builder.errors import BuildError, GoldenError, HostError, RequestError
from builder.events import silent
from builder.pipeline import build
from builder.plan import Refresh
from builder.recipe import load
from tests.plan.place import Place
from tests.upstream.mirror import Mirror, running_mirror

INDEX = "dists/bookworm/InRelease"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A mirror with an index, and no packages."""
    with running_mirror(tmp_path / "mirror") as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, mirror: Mirror) -> Place:
    """An output folder in which a recipe on a bootstrapped base is built."""
    place = Place(tmp_path)
    planned = place.plan(base=base(mirror))
    place.build(planned, {planned.base.title: {mirror.url(INDEX): mirror.put(INDEX, "old")}})
    return place


def base(mirror: Mirror) -> str:
    return f"{{bootstrap: {{distribution: debian, release: bookworm, mirror: '{mirror.server.url}'}}}}"


def golden(place: Place, command: str, *arguments: str) -> Any:
    """What the command prints with --json. Raises what it ends with."""
    words = [command, str(place.folder / "web.yaml"), "--json", *arguments]
    result = CliRunner().invoke(app, words, env={"GOLDEN_OUTPUT": str(place.output.root)})
    if isinstance(result.exception, GoldenError):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_nothing_moved(place: Place, mirror: Mirror) -> None:
    for status in (200, 304):
        result = golden(place, "build", "--refresh")
        assert (result["changed"], result["moved"]) == (False, [])
        assert mirror.take_answered() == [(INDEX, status)]
    assert golden(place, "plan", "--refresh")["moved"] == []
    assert golden(place, "build")["moved"] == []
    assert mirror.take_answered() == [(INDEX, 304)]


def test_a_build_that_failed_is_never_unchanged(place: Place, mirror: Mirror) -> None:
    """The first with --refresh finds the base stale and fails to make it anew, as the mirror has no packages."""
    new = mirror.put(INDEX, "new")
    told = golden(place, "plan", "--refresh")
    assert told["actions"][0]["reason"] == "bookworm changed upstream"
    (moved,) = told["moved"]
    assert (moved["url"], moved["step"], moved["after"]) == (mirror.url(INDEX), "base", new)
    assert not golden(place, "build")["changed"], "a plan records nothing"
    for arguments in (["--refresh"], [], ["--refresh"]):
        with pytest.raises(BuildError, match="the base failed"):
            golden(place, "build", *arguments)
        told = golden(place, "plan")
        assert told["changed"]
        assert told["actions"][0]["reason"] == "bookworm changed upstream"


def test_who_does_not_answer(place: Place, mirror: Mirror) -> None:
    (mirror.folder / INDEX).unlink()
    for arguments in (["--refresh"], ["--refresh", "--on-unreachable", "keep"]):
        assert not golden(place, "build", *arguments)["changed"]
    for command in ("build", "plan"):
        with pytest.raises(HostError, match="cannot check upstream for changes"):
            golden(place, command, "--refresh", "--on-unreachable", "fail")
        with pytest.raises(RequestError, match="--on-unreachable needs --refresh"):
            golden(place, command, "--on-unreachable", "fail")


def test_a_plan_for_people_names_what_moved(place: Place, mirror: Mirror) -> None:
    mirror.put(INDEX, "new")
    words = ["plan", str(place.folder / "web.yaml"), "--refresh"]
    lines = CliRunner().invoke(app, words, env={"GOLDEN_OUTPUT": str(place.output.root)}).stdout.splitlines()
    assert lines[0].split() == ["run", *["bootstrap", "debian", "bookworm"], "bookworm", "changed", "upstream"]
    assert lines[-1] == f"changed upstream: {mirror.url(INDEX)} (read by bootstrap debian bookworm)"


def test_an_unwritable_memory_is_told(place: Place) -> None:
    place.output.upstream.write_text("no folder")
    with pytest.raises(HostError, match="cannot write to the output folder"):
        build(load(place.folder / "web.yaml"), place.output, silent, refresh=Refresh())
