"""recipes/README.md matches the declarations of every base, step and operation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builder import seal
from builder.bases import BASES
from builder.cli.recipes import app
from builder.recipe.describe import describe, describe_base
from builder.recipe.reference import make_reference
from builder.steps import registry

COMMITTED = Path(__file__).parents[2] / "recipes/README.md"


def test_the_committed_file_is_up_to_date() -> None:
    assert COMMITTED.read_text() == make_reference(), "run: golden reference > recipes/README.md"


def test_the_command_prints_it() -> None:
    result = CliRunner().invoke(app, ["reference"])
    assert (result.exit_code, result.stdout) == (0, make_reference())


@pytest.mark.parametrize("name", registry())
def test_every_step_is_complete(name: str) -> None:
    description = describe(registry()[name])
    section = re.split(r"^##+ ", make_reference().partition(f"\n### {name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert f"\n{description.heading}\n" in section
    assert description.docs in section
    for option in description.options:
        assert f"| `{option.name}` |" in section
        assert option.description.replace("|", "\\|") in section
    assert all(guest in section for guest in description.guests)
    assert ("after all other steps" in section) is description.late
    assert description.example.splitlines()[-1] in section


@pytest.mark.parametrize("name", BASES)
def test_every_base_is_complete(name: str) -> None:
    description = describe_base(name, BASES[name])
    section = re.split(r"^##+ ", make_reference().partition(f"\n### {name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert f"\n{description.heading}\n" in section
    sets = [options for _, options in description.variants] or [description.options]
    assert all(sets)
    for option in (option for options in sets for option in options):
        assert f"| `{option.name}` |" in section
        assert option.description in section


def test_every_operation_is_complete() -> None:
    always, on_request = make_reference().partition("## Seal operations")[2].split("### On request")
    for operation in seal.registry().values():
        (line,) = (
            line
            for line in (always if operation.default else on_request).splitlines()
            if line.startswith(f"- **{operation.name}**: {operation.heading}")
        )
        assert all(f"`{pattern}`" in line for pattern in operation.patterns)


def test_a_table_has_its_columns_in_every_row() -> None:
    rows = [line for line in make_reference().splitlines() if line.startswith("| `")]
    assert rows
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
