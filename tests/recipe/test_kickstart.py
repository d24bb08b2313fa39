"""The problems of a recipe's kickstart are reported with the recipe's own, each in its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builder.bases import KickstartBase
from builder.cli.recipes import app
from builder.recipe import load

KICKSTART = """\
#version=RHEL9
url --url={{ tree }}
lang {{ lang }}
part / --size={{ size }}
poweroff
"""

RECIPE = """\
name: web
vars: {lang: C.UTF-8, folder: tree}
base:
  kickstart: {file: x.ks.j2, tree: "{{ folder }}", vars: {size: "{{ lang | length }}"}}
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A valid recipe in the current folder, with its kickstart and the folder of its tree."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.ks.j2").write_text(KICKSTART)
    (tmp_path / "tree").mkdir()
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return Path("recipe.yaml")


def lint(recipe: Path) -> list[str]:
    """What `golden lint` finds, as `file:line:column: message`."""
    result = CliRunner().invoke(app, ["lint", str(recipe), "--json"])
    found = json.loads(result.stdout)
    assert result.exit_code == (2 if found else 0)
    return [f"{each['file']}:{each['line']}:{each['column']}: {each['message']}" for each in found]


def test_a_valid_recipe(recipe: Path) -> None:
    assert lint(recipe) == []
    base = load(recipe).base
    assert isinstance(base, KickstartBase)
    assert base.kickstart.folder == Path.cwd() / "tree"
    assert base.kickstart.vars == {"size": "7"}


def test_all_problems_at_once_each_in_its_file(recipe: Path) -> None:
    recipe.write_text(RECIPE + "steps: [{timezon: UTC}]\n")
    Path("x.ks.j2").write_text(KICKSTART.replace("lang {{", "lnag {{").replace("--size", "--sise"))
    assert lint(recipe) == [
        'recipe.yaml:5:10: unknown step "timezon"; did you mean "timezone"?',
        "x.ks.j2:3:1: Unknown command: lnag",
        "x.ks.j2:4:8: Unexpected arguments to partition command: ['--sise=7']",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("file: x.ks.j2, ", "", 'recipe.yaml:4:14: kickstart needs the option "file"'),
        ("x.ks.j2", "absent.ks", "recipe.yaml:4:21: file: no such file: absent.ks"),
        ("lang: C.UTF-8, ", "lng: C, lang: C, ", None),
        ("| length", "| lenght", "recipe.yaml:4:65: invalid template: No filter named 'lenght'"),
        ('"{{ folder }}"', "absent", "recipe.yaml:4:36: tree: no such file: absent"),
        ('tree: "{{ folder }}"', "iso: absent.iso", "recipe.yaml:4:35: iso: no such file: absent.iso"),
        ('tree: "{{ folder }}", ', "", "recipe.yaml:4:14: kickstart: set either tree or iso"),
        (
            'tree: "{{ folder }}"',
            "tree: tree, iso: x.ks.j2",
            "recipe.yaml:4:14: kickstart: set either tree or iso",
        ),
        ("vars: {size", "var: {size", 'recipe.yaml:4:52: unknown option "var" of kickstart; did you mean "vars"?'),
        ("{size: ", "{tree: x, size: ", "recipe.yaml:4:59: tree: golden sets the variable tree itself"),
        ("{size: ", "{sise: ", 'x.ks.j2:4:18: undefined variable "size"; did you mean "sise"?'),
    ],
)
def test_bad_input(recipe: Path, old: str, new: str, expected: str | None) -> None:
    recipe.write_text(RECIPE.replace(old, new, 1))
    found = lint(recipe)
    assert len(found) == (1 if expected else 0), found
    assert not expected or found[0].startswith(expected), found
