"""Recipes whose files and secrets are gone: the steps that still load, and the reasons for the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import RecipeError
from builder.recipe import load
from builder.recipe.load import load_partly
from builder.steps.root_password import RootPassword
from tests.conftest import DEBIAN

RECIPE = """
name: web
base: {image: gone.qcow2}
media: gone.iso
vars: {zone: UTC}
steps:
  - timezone: "{{ zone }}"
  - upload: {source: gone.txt, path: /etc/gone}
  - root-password: {env: NOBODY_SET_THIS}
  - timezone: "{{ nothing }}"
  - frobnicate: 1
  - root-password: locked
  - touch: /etc/hidden
seal: {skip: [logfiles], script: gone.sh}
"""


def test_steps_that_load_and_steps_that_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(RECIPE)
    found = load_partly(file, doubt=lambda step: "hidden" if step == {"touch": "/etc/hidden"} else None)
    assert (found.name, found.seal.skip, found.seal.script) == ("web", ("logfiles",), None)
    assert [step.title for step in found.steps] == ["timezone UTC", "root-password locked"]
    assert [(name, where.removeprefix(f"{file}:").partition(":")[0]) for name, where, _ in found.skipped] == [
        ("upload", "8"),
        ("root-password", "9"),
        ("timezone", "10"),
        ("frobnicate", "11"),
        ("touch", "13"),
    ]
    reasons = [why for _, _, why in found.skipped]
    assert "no such file: gone.txt" in reasons[0]
    assert "NOBODY_SET_THIS" in reasons[1]
    assert 'undefined variable "nothing"' in reasons[2]
    assert "unknown step" in reasons[3]
    assert reasons[4] == "hidden"


def test_a_complete_recipe() -> None:
    whole, partly = load(DEBIAN), load_partly(DEBIAN)
    assert (partly.steps, partly.seal, partly.skipped) == (whole.steps, whole.seal, ())


def test_passwords_are_hashed_as_the_recipe_chooses(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    (tmp_path / "word").write_text("secret\n")
    file.write_text("name: web\nsteps: [{root-password: {file: word}}, {password-crypto: sha512}]\n")
    step = load_partly(file).steps[0]
    assert isinstance(step, RootPassword)
    assert step.crypto == "sha512"


@pytest.mark.parametrize("text", ["", "[1]", "steps: []", "name: 5", "a: [", "name: x\nname: y\n: :\n- z"])
def test_a_file_that_is_not_a_recipe(tmp_path: Path, text: str) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(text)
    with pytest.raises(RecipeError):
        load_partly(file)
