"""What every step must have: a valid example, descriptions, and tests of its own."""

from __future__ import annotations

import importlib
import inspect
import re
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from builder.inputs import KeyContext, RecipeContext
from builder.steps import Step, registry
from tests.certificates import AUTHORITY
from tests.steps.case import load_cases

STEPS = sorted(registry().items())
FILES = {".crt": AUTHORITY, ".sh": "#!/bin/sh\n"}
"""The contents of files that examples refer to, by their suffix."""

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"


def example(step: type[Step], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the value of a step's example, and create the files and variables that it refers to."""
    for name in re.findall(r"\bfiles/[\w./-]+", step.example):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FILES.get(Path(name).suffix, KEY))
    for name in re.findall(r"\bfiles/[\w./-]+\.tar\.gz", step.example):
        with tarfile.open(folder / name, "w:gz") as tar:
            tar.add(Path(__file__), "file")
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
    made = step.model_validate(value, context=RecipeContext(tmp_path))
    assert made.title.startswith(name)
    assert step.step_version >= 1


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_layer_key_is_json_and_reproducible(
    name: str, step: type[Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = example(step, tmp_path, monkeypatch)
    one, two = (
        step.model_validate(value, context=RecipeContext(tmp_path)).key_options(KeyContext(b"secret key"))
        for _ in range(2)
    )
    assert one == two
    assert str(tmp_path) not in str(one), f"{name}: a key must not depend on where the recipe stands"


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_every_field_is_described(name: str, step: type[Step]) -> None:
    for field, declared in step.model_fields.items():
        assert declared.description, f"{name}: {field} has no description"
        assert declared.description.endswith("."), f"{name}: the description of {field} is not a sentence"


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_unknown_key_is_refused(name: str, step: type[Step], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no_such_option"):
        step.model_validate({"no_such_option": 1}, context=RecipeContext(tmp_path))


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_every_step_has_its_module_and_tests(name: str, step: type[Step]) -> None:
    module = name.replace("-", "_")
    assert step.__module__ == f"builder.steps.{module}"
    assert (Path(__file__).parent / f"test_{module}.py").is_file()


@pytest.mark.parametrize("name", registry())
def test_every_step_is_tested_on_a_real_disk(name: str) -> None:
    module = importlib.import_module(f"tests.steps.test_{name.replace('-', '_')}")
    whole = getattr(module, "pytestmark", [])
    tried = [
        function.__name__
        for function in vars(module).values()
        if inspect.isfunction(function)
        and function.__name__.startswith("test_")
        and is_slow(whole if isinstance(whole, list) else [whole], getattr(function, "pytestmark", []))
        and any(kind.annotation in ("Guest", "pytest.FixtureRequest") for kind in parameters(function))
    ]
    cases = [case for case in load_cases() if case.real and case.step == name]
    assert tried or cases, f"{name} has neither a real case nor a slow test that takes a guest"


def parameters(function: Callable[..., object]) -> Iterable[inspect.Parameter]:
    return inspect.signature(function).parameters.values()


def is_slow(*marks: list[pytest.Mark]) -> bool:
    return any(mark.name == "slow" for some in marks for mark in some)
