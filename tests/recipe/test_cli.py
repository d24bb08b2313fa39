"""`golden lint`, `schema`, `steps` and `seal`, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builder.cli.recipes import app
from builder.errors import RequestError
from builder.recipe.schema import make_schema
from builder.seal import registry as operations
from builder.steps import registry
from tests.recipe.conftest import BASE


@pytest.fixture
def recipes(folder: Path) -> tuple[str, str]:
    """A valid recipe and an invalid one."""
    valid, invalid = folder / "valid.yaml", folder / "invalid.yaml"
    valid.write_text(f"name: web\n{BASE}\n")
    invalid.write_text(f"name: web\n{BASE}\nsteps:\n  - timezon: UTC\n  - timezone: 5\n")
    return str(valid), str(invalid)


def test_lint_a_valid_recipe(recipes: tuple[str, str]) -> None:
    result = CliRunner().invoke(app, ["lint", recipes[0]])
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{recipes[0]}: ok\n", "")


def test_lint_reports_every_problem_of_every_recipe(recipes: tuple[str, str]) -> None:
    valid, invalid = recipes
    result = CliRunner().invoke(app, ["lint", invalid, valid, "none.yaml"])
    assert (result.exit_code, result.stdout) == (2, f"{valid}: ok\n")
    assert [line for line in result.stderr.splitlines() if not line.startswith("hint: ")] == [
        f'{invalid}:4:5: unknown step "timezon"; did you mean "timezone"?',
        f"{invalid}:5:15: timezone: must be a string",
        "none.yaml:1:1: no such recipe",
    ]


def test_lint_json(recipes: tuple[str, str]) -> None:
    result = CliRunner().invoke(app, ["lint", "--json", *recipes])
    assert (result.exit_code, result.stderr) == (2, "")
    problems = json.loads(result.stdout)
    assert problems[0] == {
        "file": recipes[1],
        "line": 4,
        "column": 5,
        "message": 'unknown step "timezon"; did you mean "timezone"?',
        "hint": "run `golden steps` to list all steps",
    }
    assert len(problems) == 2
    result = CliRunner().invoke(app, ["lint", "--json", recipes[0]])
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_schema() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, make_schema())


def test_steps_lists_them_all() -> None:
    result = CliRunner().invoke(app, ["steps"])
    assert result.exit_code == 0
    rows = [line.rstrip() for line in result.stdout.splitlines()]
    assert len(rows) == len(registry()) + 1
    for row, step in zip(rows[1:], registry().values(), strict=True):
        assert row.startswith(step.step_name)
        assert row.endswith(step.heading())


@pytest.mark.parametrize("name", sorted(registry()))
def test_steps_explains_each(name: str) -> None:
    result = CliRunner().invoke(app, ["steps", name])
    assert result.exit_code == 0
    step = registry()[name]
    assert result.stdout.startswith(f"{name}: {step.heading()}\n")
    options = {field.alias or option: str(field.description) for option, field in step.model_fields.items()}
    for option, description in options.items():
        assert any(line.startswith(f"{option} ") and description in line for line in result.stdout.splitlines())
    assert result.stdout.endswith(step.example.splitlines()[-1] + "\n")
    output = json.loads(CliRunner().invoke(app, ["steps", name, "--json"]).stdout)
    assert {option["name"] for option in output["options"]} == set(options)
    required = [option["required"] for option in output["options"]]
    assert required == sorted(required, reverse=True)


def test_steps_json_lists_them_all() -> None:
    output = json.loads(CliRunner().invoke(app, ["steps", "--json"]).stdout)
    assert [step["name"] for step in output] == list(registry())
    timezone = next(step for step in output if step["name"] == "timezone")
    assert timezone == {
        "name": "timezone",
        "heading": "Set the system time zone.",
        "docs": "",
        "shorthand": "zone",
        "guests": [],
        "late": False,
        "options": [
            {
                "name": "zone",
                "type": "string",
                "required": True,
                "default": None,
                "description": "Name of the time zone: a path below /usr/share/zoneinfo.",
            }
        ],
        "example": "timezone: Europe/London",
    }


def test_steps_of_an_unknown_name() -> None:
    result = CliRunner().invoke(app, ["steps", "timezon"])
    assert isinstance(result.exception, RequestError)
    assert result.exception.message == 'unknown step "timezon"; did you mean "timezone"?'
    assert result.exception.exit_code == 2


def test_seal_operations() -> None:
    listed = CliRunner().invoke(app, ["seal", "--list"])
    names = [line.split()[0] for line in listed.stdout.splitlines()[1:]]
    assert (listed.exit_code, names) == (0, list(operations()))
    output = json.loads(CliRunner().invoke(app, ["seal", "--list", "--json"]).stdout)
    assert {one["name"]: one["default"] for one in output} == {name: one.default for name, one in operations().items()}
    one = CliRunner().invoke(app, ["seal", "cron-spool"])
    assert one.stdout.startswith("cron-spool: Remove users' cron and at jobs.\n")
    assert "  /var/spool/{cron,at,atjobs,atspool}/**\n" in one.stdout
    unknown = CliRunner().invoke(app, ["seal", "cron-spol"])
    assert isinstance(unknown.exception, RequestError)
    assert 'did you mean "cron-spool"?' in str(unknown.exception)
