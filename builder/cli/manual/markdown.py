"""The reference of the commands as Markdown: docs/reference/commands.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from builder.cli.manual.commands import CommandDescription, ParameterDescription

INTRODUCTION = """\
# Commands

`golden manual > docs/reference/commands.md` writes this page again; `--help` after a command tells the
same of that command. `golden manual --man FOLDER` writes manual pages.

Data goes to stdout, and everything else to stderr. Every command takes `--help`, or `-h` for short.
`NODE...` means one or more, `[PATH]` means that it may be left out. The exit codes stand in
[JSON and exit codes](json-and-exit-codes.md).

"""


def make_markdown(commands: Sequence[CommandDescription]) -> str:
    """The whole page."""
    return INTRODUCTION + "\n".join(_lines(commands)) + "\n"


def _lines(commands: Sequence[CommandDescription]) -> Iterator[str]:
    yield "| command | what it does |"
    yield "| --- | --- |"
    for command in commands:
        if not command.parts:
            anchor = command.name.replace(" ", "-")
            yield f"| [`{command.name}`](#{anchor}) | {_text(command.heading)} |"
    for command in commands:
        yield from ("", f"## {command.name}", "", _text(command.heading))
        for paragraph in command.details:
            yield from ("", _text(paragraph))
        yield from ("", "```text", command.usage, "```")
        yield from _table("argument", command.arguments)
        yield from _table("option", command.options)


def _table(kind: str, parameters: Iterable[ParameterDescription]) -> Iterator[str]:
    rows = [f"| {_code(each.term)} | {_default(each)} | {_text(each.help)}{_variable(each)} |" for each in parameters]
    if rows:
        yield from ("", f"| {kind} | default | what it is |", "| --- | --- | --- |", *rows)


def _default(parameter: ParameterDescription) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default is None else _code(parameter.default)


def _variable(parameter: ParameterDescription) -> str:
    return f" Environment: `{parameter.variable}`." if parameter.variable else ""


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _text(text: str) -> str:
    """A help text; outside its own `code` nothing in it is markup."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part.replace("|", "\\|") if part.startswith("`") else re.sub(r"([*_<>|\[\]])", r"\\\1", part) for part in parts
    )
