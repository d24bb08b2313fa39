"""What every step owes: an example that works, descriptions, and tests of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from builder.steps import KeyContext, Place, Step, registry

STEPS = sorted(registry().items())
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"


def example(step: type[Step], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's value; the files and variables that it names are made."""
    for name in re.findall(r"\bfiles/[\w./-]+", step.example):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(KEY)
    for name in re.findall(r"\benv: (\w+)", step.example):
        monkeypatch.setenv(name, "secret")
    parsed = YAML(typ="safe").load(step.example)
    assert isinstance(parsed, dict)
    assert list(parsed) == [step.step_name]
    return parsed[step.step_name]


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_example_is_one_valid_step(
    name: str, step: type[Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = example(step, tmp_path, monkeypatch)
    made = step.model_validate(value, context=Place(tmp_path))
    assert made.title.startswith(name)
    assert step.step_version >= 1


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_layer_key_is_json_and_the_same_twice(
    name: str, step: type[Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = example(step, tmp_path, monkeypatch)
    one, two = (
        step.model_validate(value, context=Place(tmp_path)).key_options(KeyContext(b"secret key")) for _ in range(2)
    )
    assert one == two
    assert str(tmp_path) not in str(one), f"{name}: a key must not depend on where the recipe stands"


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_every_field_is_described(name: str, step: type[Step]) -> None:
    for field, declared in step.model_fields.items():
        assert declared.description, f"{name}: {field} has no description"
        assert declared.description.endswith("."), f"{name}: the description of {field} is no sentence"


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_unknown_key_is_refused(name: str, step: type[Step], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no_such_option"):
        step.model_validate({"no_such_option": 1}, context=Place(tmp_path))


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_every_step_has_its_module_and_tests(name: str, step: type[Step]) -> None:
    module = name.replace("-", "_")
    assert step.__module__ == f"builder.steps.{module}"
    assert (Path(__file__).parent / f"test_{module}.py").is_file()
