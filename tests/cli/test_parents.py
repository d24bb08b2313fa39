"""`--with-parents` of plan and build, and cycles, as a user meets them; the store is fabricated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builder import digest
from builder.cli import app
from builder.errors import GoldenError
from builder.paths import Output
from builder.plan import Plan, make_plan
from builder.recipe import load
from builder.store import Store, Version
from tests.nodes.templates import fabricate
from tests.store.manifests import make_action

# It names its mirror, so that this host's own is not asked.
RECIPES = {
    "base": "base: {bootstrap: {distribution: debian, release: bookworm, mirror: http://mirror.example/debian}}",
    "web": "base: {template: base}\nsteps: [timezone: UTC]",
    "shop": "base: {template: web}\nsteps: [locale: C.UTF-8]",
}


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to, as its user sees it."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def place(tmp_path: Path) -> Output:
    place = Output(tmp_path / "output")
    place.cache.mkdir(parents=True)
    place.secret_key.write_bytes(b"0" * 32)
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recipes, each based on the one before."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    for name, text in RECIPES.items():
        write(folder, name, text)
    return folder


@pytest.fixture
def run(place: Output, folder: Path) -> Run:
    """Runs a command for the youngest recipe."""

    def run(*arguments: str | Path, recipe: str = "shop") -> Done:
        words = [*map(str, arguments), str(folder / f"{recipe}.yaml")]
        result = CliRunner().invoke(app, words, env={"GOLDEN_OUTPUT": str(place.root)})
        if isinstance(result.exception, GoldenError):
            return Done(result.exception.exit_code, result.stdout, f"{result.stderr}error: {result.exception}\n")
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yaml").write_text(f"name: {name}\n{text}\n")


def publish(place: Output, plan: Plan) -> Version:
    """Publish a version, as a build of that plan would describe it."""
    file = plan.recipe.file
    actions = [make_action(action.step, key=action.key, digest=action.digest) for action in plan.actions]
    recipe = {"file": file.name, "sha256": digest.of_file(file)}
    return fabricate(place, plan.recipe.name, key=plan.publish.key, actions=actions, recipe=recipe)


def publish_all(place: Output, folder: Path) -> None:
    for name in RECIPES:
        publish(place, make_plan(load(folder / f"{name}.yaml"), place))


def test_the_plans_of_all(run: Run, place: Output, folder: Path) -> None:
    done = run("plan", "--with-parents")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert [line for line in lines if line.endswith(":")] == ["base:", "web:", "shop:"]
    assert lines[0:2] == ["base:", "run bootstrap debian bookworm never built"]
    assert lines[4:7] == ["web:", "run template base the template base is built first", "run timezone UTC never built"]
    assert not place.templates.exists()

    publish(place, make_plan(load(folder / "base.yaml"), place))
    told = json.loads(run("plan", "--with-parents", "--json").stdout)
    assert [(each["template"], each["changed"]) for each in (*told["parents"], told)] == [
        ("base", False),
        ("web", True),
        ("shop", True),
    ]
    assert all(action["key"] for action in told["parents"][1]["actions"]), "what web stands on is there"
    assert {action["key"] for action in told["actions"]} == {None}
    assert told["actions"][0]["reason"] == "the template web is built first"

    publish_all(place, folder)
    told = json.loads(run("plan", "--json").stdout)
    assert (told["changed"], "parents" in told) == (False, False)


def test_each_is_built_once_and_first(run: Run, place: Output, folder: Path) -> None:
    publish_all(place, folder)
    done = run("build", "--with-parents", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [(each["template"], each["changed"]) for each in result["parents"]] == [("base", False), ("web", False)]
    assert (result["template"], result["changed"]) == ("shop", False)
    assert "parents" not in json.loads(run("build", "--json").stdout)
    assert json.loads(run("build", "--with-parents", "--json", recipe="base").stdout)["parents"] == []
    done = run("build", "--with-parents")
    assert Path(done.stdout.strip()) == Store(place.templates).find("shop").folder
    assert f"parent template base ({folder}/base.yaml):" in done.stderr


def test_a_parent_that_is_not_there(run: Run, place: Output) -> None:
    done = run("build")
    assert done.returncode == 2
    assert "/shop.yaml:2:7: no such template: web\n" in done.stderr
    assert "run `golden build RECIPE --with-parents`" in done.stderr


def test_what_a_build_does_not_move_is_not_built(run: Run, place: Output, folder: Path) -> None:
    publish_all(place, folder)
    store = Store(place.templates)
    store.point("web", "stable", store.find("web").name)
    write(folder, "shop", RECIPES["shop"].replace("web", "web@stable"))
    done = run("plan", "--with-parents", "--json")
    assert (done.returncode, json.loads(done.stdout)["parents"]) == (0, [])
    assert "using web@stable as published: a build of web does not move web@stable" in done.stderr
    assert "warning" not in done.stderr


def test_a_parent_without_a_recipe(run: Run, place: Output, folder: Path) -> None:
    publish_all(place, folder)
    (folder / "base.yaml").unlink()
    (folder / "odd.yaml").write_text("[")
    done = run("plan", "--with-parents", "--json")
    assert [each["template"] for each in json.loads(done.stdout)["parents"]] == ["web"]
    reason = f"no recipe in {folder} is named base; cannot read: odd.yaml"
    assert f"warning: using base@latest as published: {reason}" in done.stderr


def test_two_recipes_of_the_parents_name(run: Run, place: Output, folder: Path) -> None:
    (folder / "other.yaml").write_text((folder / "web.yaml").read_text())
    for command in ("plan", "build"):
        done = run(command, "--with-parents")
        assert done.returncode == 2
        assert "/shop.yaml:2:18: several recipes in this folder are named web: other.yaml, web.yaml" in done.stderr


def test_what_is_wrong_with_a_parent_stands_at_its_place(run: Run, folder: Path) -> None:
    write(folder, "web", RECIPES["web"].replace("timezone", "timezon"))
    done = run("build", "--with-parents")
    assert done.returncode == 2
    assert f'{folder}/web.yaml:3:9: unknown step "timezon"' in done.stderr


def test_cycles_are_refused_everywhere(run: Run, place: Output, folder: Path) -> None:
    publish_all(place, folder)
    write(folder, "base", "base: {template: shop@stable}")
    chain = (
        "shop.yaml (shop) is based on web.yaml (web), which is based on base.yaml (base), which is based on"
        " shop.yaml (shop)"
    )
    problem = f"shop.yaml:2:18: recipes are based on each other in a cycle: {chain}\n"
    for command in (["lint"], ["plan"], ["build"], ["plan", "--with-parents"], ["build", "--with-parents"]):
        done = run(*command)
        assert (done.returncode, problem in done.stderr) == (2, True)
    (told,) = json.loads(run("lint", "--json").stdout)
    assert (told["line"], told["column"], chain in told["message"]) == (2, 18, True)

    write(folder, "shop", "base: {template: shop}")
    done = run("build")
    assert done.returncode == 2
    assert "shop.yaml:2:18: the recipe is based on its own template: shop.yaml (shop)\n" in done.stderr


def test_an_edited_parent_is_told(run: Run, place: Output, folder: Path) -> None:
    publish_all(place, folder)
    assert run("build").stderr.count("was edited") == 0
    with (folder / "web.yaml").open("a") as file:
        file.write("# a word\n")
    version = Store(place.templates).find("web")
    assert f"{folder}/web.yaml was edited after {version} was built; add --with-parents" in run("build").stderr
    assert "was edited" not in run("build", "--with-parents").stderr


def test_another_base_has_no_parents(run: Run, folder: Path) -> None:
    (folder / "disk.raw").write_bytes(b"a disk")
    done = run("plan", "--with-parents", "--base", folder / "disk.raw")
    assert done.returncode == 2
    assert "--base and --with-parents exclude each other" in done.stderr
    assert run("plan", "--base", folder / "disk.raw").returncode == 0
