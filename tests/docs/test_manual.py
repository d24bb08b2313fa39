"""The commands' reference and manual pages: complete, accepted by groff, and up to date."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.cli import command_line
from builder.cli.manual.commands import CommandDescription, ParameterDescription, describe_commands
from builder.cli.manual.markdown import make_markdown
from builder.cli.manual.pages import EXIT_CODES, make_pages
from builder.errors import INTERRUPTED, GoldenError
from tests.conftest import Golden

COMMANDS = describe_commands(command_line())
COMMITTED = Path(__file__).parents[2] / "docs/reference/commands.md"


def test_the_committed_file_is_up_to_date() -> None:
    assert COMMITTED.read_text() == make_markdown(COMMANDS), "run: golden manual > docs/reference/commands.md"


def test_the_command_prints_it(golden: Golden) -> None:
    done = golden("manual")
    assert (done.returncode, done.stdout, done.stderr) == (0, make_markdown(COMMANDS), "")


def test_the_command_writes_a_page_per_command(golden: Golden, tmp_path: Path) -> None:
    done = golden("manual", "--man", tmp_path / "man")
    assert done.returncode == 0, done.stderr
    written = {file.name: file.read_text() for file in (tmp_path / "man").iterdir()}
    assert written == make_pages(COMMANDS)
    assert {"golden.1", "golden-build.1", "golden-node.1", "golden-node-list.1"} <= set(written)
    assert sorted(done.stdout.split()) == sorted(str(tmp_path / "man" / name) for name in written)


def test_a_folder_that_is_a_file(golden: Golden) -> None:
    done = golden("manual", "--man", __file__)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: cannot write the manual pages to {__file__}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_is_described_whole(command: CommandDescription) -> None:
    assert command.heading
    assert all(each.help for each in (*command.arguments, *command.options))
    section = make_markdown(COMMANDS).partition(f"\n## {command.name}\n")[2].partition("\n## ")[0]
    for each in (*command.arguments, *command.options):
        assert f"| `{each.term}` |".replace("|", "\\|")[1:-2] in section


@pytest.mark.slow  # for the packages of the slow tests
@pytest.mark.parametrize(("name", "text"), make_pages(COMMANDS).items(), ids=lambda value: value[:40])
def test_groff_accepts_a_page(name: str, text: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-c"], input=text, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert name.removesuffix(".1").upper() in done.stdout


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_CODES) == {0, INTERRUPTED, *(each.exit_code for each in errors(GoldenError) if each.exit_code > 1)}


def errors(kind: type[GoldenError]) -> Iterator[type[GoldenError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from errors(each)


def test_what_would_be_markup_is_told_as_it_is() -> None:
    option = ParameterDescription("--a B|C", "*all* of <b> | `c|d`", False, None, "E")
    command = CommandDescription(("golden", "x"), '.dot -- \\n “q” "r"', (), (option,), ())
    assert "| `--a B\\|C` |  | \\*all\\* of \\<b\\> \\| `c\\|d` Environment: `E`. |" in make_markdown([command])
    (page,) = make_pages([command]).values()
    assert "\n\\&.dot \\-\\- \\en \\[u201C]q\\[u201D] \\(dqr\\(dq\n" in page
