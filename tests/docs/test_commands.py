"""Every command that a page or a message tells somebody to type is one that the command line takes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import builder
from tests.docs.commands import WORDS, commands_of_shell, is_name, problem_of
from tests.docs.pages import PAGES, PROJECT, fenced, prose

PACKAGE = Path(builder.__file__).parent
IN_BACKTICKS = re.compile(r"`(golden [^`]+)`")
BARE = re.compile(rf"(?<!\ba )\bgolden ({'|'.join(sorted(WORDS))})(?=\s|$)")


def texts(file: Path) -> Iterator[tuple[int, str, bool]]:
    """The texts of a module: line, text with X where a value is put in, and whether it is said in a call."""
    tree = ast.parse(file.read_text())
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    said = {
        id(part)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for given in (*call.args, *(keyword.value for keyword in call.keywords))
        for part in ast.walk(given)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield node.lineno, "".join(parts), id(node) in said
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.lineno, node.value, id(node) in said


def in_builder() -> Iterator[tuple[str, str, bool]]:
    """Commands in the texts of all modules: where, the command, whether its name alone will do."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for line, text, said in texts(file):
            where = f"{file.relative_to(PROJECT)}:{line}"
            for found in IN_BACKTICKS.findall(text):
                yield where, " ".join(found.split()), True
            # Outside of backticks nothing says where a command ends, unless it is the whole text, or its end.
            bare = BARE.search(IN_BACKTICKS.sub("", text).strip()) if said else None
            if bare and re.fullmatch(r"(.*: )?", bare.string[: bare.start()]):
                yield from ((where, call, False) for call in commands_of_shell(bare.string[bare.start() :]))
            elif bare:
                yield where, f"put the command in backticks: {bare.string}", False


def in_pages() -> Iterator[tuple[str, str, bool]]:
    for page in PAGES:
        where = str(page.relative_to(PROJECT))
        for block in fenced(page, "sh"):
            for call in commands_of_shell(block.text):
                yield f"{where}:{block.line}", call, False
        for line, text in prose(page):
            for found in IN_BACKTICKS.findall(text):
                yield f"{where}:{line}", found.replace("\\|", "|"), True


@pytest.mark.parametrize("source", [in_builder, in_pages], ids=["builder", "pages"])
def test_commands_are_real(source: object) -> None:
    assert callable(source)
    wrong = []
    count = 0
    for where, text, may_be_a_name in source():
        count += 1
        if may_be_a_name and is_name(text):
            continue
        calls = list(commands_of_shell(text)) or [text]
        wrong += [f"{where}: {call}: {problem}" for call in calls if (problem := problem_of(call))]
    assert count > 30
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("golden list", None),
        ("golden list NAME", "Got unexpected extra argument(s) (NAME)"),
        ("golden clone TEMPLATE NODE", None),
        ("golden clone TEMPLATE", "Missing argument 'NODE...'."),
        ("golden clone TEMPLATE NODE --cpus N --on-fire", "No such option: --on-fire"),
        ("golden prune --keep-last N --yes", None),
        ("golden nod list", "golden has no command nod"),
        ("golden node", "golden node needs a command"),
        ("golden node --help", None),
        ("golden nightly install --on-calendar WHEN recipes -j 2", None),
        ("golden nightly install --on-calendar WHEN recipes --jbs 2", "No such option: --jbs"),
        ("golden build 'a", "No closing quotation"),
    ],
)
def test_what_is_refused(text: str, problem: str | None) -> None:
    found = problem_of(text)
    assert (found or "").startswith(problem or "") is True
    assert (found is None) is (problem is None)


def test_calls_in_a_script() -> None:
    script = "A=1 golden list | jq .\nsudo .venv/bin/golden prune > file && golden node list # golden x\necho golden y"
    assert list(commands_of_shell(script)) == ["golden list", ".venv/bin/golden prune", "golden node list"]
