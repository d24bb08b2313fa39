"""The JSON Schema agrees with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from builder.recipe.schema import make_schema
from builder.steps import registry

RECIPES = Path(__file__).parents[2] / "recipes"
"""The shipped recipes."""


@pytest.fixture(scope="module")
def accepts() -> Any:
    validator = jsonschema.Draft202012Validator(make_schema())

    def accepts(text: str) -> bool:
        return validator.is_valid(YAML(typ="safe", pure=True).load(text))

    return accepts


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(make_schema())


def test_the_committed_file_is_up_to_date() -> None:
    committed = (RECIPES / "schema.json").read_text()
    assert json.loads(committed) == make_schema(), "run: golden schema > recipes/schema.json"


def test_it_accepts_the_shipped_recipes(accepts: Any) -> None:
    recipes = sorted(RECIPES.glob("*.yaml"))
    assert [recipe.name for recipe in recipes if not accepts(recipe.read_text())] == []


@pytest.mark.parametrize("name", sorted(registry()))
def test_it_accepts_the_example_of_every_step(accepts: Any, name: str) -> None:
    example = registry()[name].example.replace("\n", "\n  ")
    assert accepts(f"name: web\nbase: {{image: disk.img}}\nsteps:\n- {example}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps: [{timezone: UTC}]", True),
        ("steps: [{timezone: {zone: UTC}}]", True),
        ("steps: [{timezone: '{{ zone }}'}]", True),
        ("steps: [{timezon: UTC}]", False),
        ("steps: [{timezone: {zon: UTC}}]", False),
        ("steps: [{timezone: 'a b'}]", False),
        ("steps: [{timezone: UTC, install: [lftp]}]", False),
        ("steps: [{}]", False),
        ("seal: {skip: [machine-id]}", True),
        ("seal: {skip: [machine-i]}", False),
        ("size: 32G", True),
        ("firmware: uefi", True),
        ("firmware: efi", False),
        ("size: big", False),
        ("domain: {memory: 512M, vcpus: 4}", True),
        ("domain: {vcpus: 0}", False),
        ("publish: {compress: gzip}", False),
        ("verify: ['true', {command: nginx -v, expect: nginx}]", True),
        ("verify: ['']", False),
        ("verify: [{comand: 'true'}]", False),
        ("other: 1", False),
    ],
)
def test_what_it_accepts(accepts: Any, text: str, expected: bool) -> None:
    assert accepts(f"name: web\nbase: {{image: disk.img}}\n{text}") is expected


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("{image: disk.img}", True),
        ("{bootstrap: {distribution: debian, release: bookworm}}", True),
        ("{bootstrap: {distribution: debian}}", False),
        ("{kickstart: {file: x.ks, tree: 'http://host/'}}", True),
        ("{bootstrap: {distribution: rocky, release: '9', repos: [{id: a, baseurl: b, gpgkey: c}]}}", True),
        ("{bootstrap: {distribution: rocky, release: '9', mirror: 'http://x/'}}", False),
        ("{kickstart: {}}", False),
        ("{}", False),
    ],
)
def test_bases(accepts: Any, base: str, expected: bool) -> None:
    assert accepts(f"name: web\nbase: {base}") is expected


def test_every_option_is_described() -> None:
    undescribed = [
        f"{model}.{name}"
        for model, schema in make_schema()["$defs"].items()
        for name, option in schema.get("properties", {}).items()
        if model != "Step" and not option.get("description")
    ]
    assert undescribed == []
