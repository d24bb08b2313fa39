"""Renders the commands as manual pages, with the macros of man(7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from builder import __version__
from builder.cli.manual.commands import CommandDescription, ParameterDescription
from builder.errors import INTERRUPTED, BuildError, HostError, InUseError, RequestError, VerifyError

EXIT_CODES = {
    0: "Done.",
    RequestError.exit_code: "The request is wrong: an option, a name or a recipe.",
    HostError.exit_code: "This host cannot do it.",
    BuildError.exit_code: "A build failed: the base, a step, the seal or the audit.",
    VerifyError.exit_code: "A version failed verification, or its signature does not match.",
    InUseError.exit_code: "Refused, because something in use would break.",
    INTERRUPTED: "Interrupted.",
}
"""The meaning of each exit code, in one line."""


def make_pages(commands: Sequence[CommandDescription]) -> dict[str, str]:
    """The text of each page by its file name: `golden-node-list.1`."""
    return {f"{_page(command.path)}.1": "\n".join(_lines(command)) + "\n" for command in commands}


def _lines(command: CommandDescription) -> Iterator[str]:
    name = _page(command.path)
    yield f'.TH "{_text(name.upper())}" 1 "" "golden {_text(__version__)}" "golden"'
    yield from (".SH NAME", f"{_text(name)} \\- {_text(command.heading)}")
    yield from (".SH SYNOPSIS", f".B {_text(command.name)}", _text(command.usage.removeprefix(command.name).strip()))
    yield from (".SH DESCRIPTION", _line(command.heading))
    for paragraph in command.details:
        yield from (".PP", _line(paragraph))
    yield from _parameters("ARGUMENTS", command.arguments)
    yield from _parameters("OPTIONS", command.options)
    if command.parts:
        yield ".SH COMMANDS"
        for part in command.parts:
            yield from (".TP", f".BR {_text(_page((*command.path, part)))} (1)", f"{_text(command.name)} {_text(part)}")
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from (".TP", f".B {code}", _line(meaning))
    if len(command.path) > 1:
        yield from (".SH SEE ALSO", f".BR {_text(_page(command.path[:-1]))} (1)")


def _parameters(title: str, parameters: Iterable[ParameterDescription]) -> Iterator[str]:
    for number, each in enumerate(parameters):
        if number == 0:
            yield f".SH {title}"
        yield from (".TP", f"\\fB{_text(each.term)}\\fR", _line(each.help or "-"))
        if each.required:
            yield "Required."
        elif each.default is not None:
            yield _line(f"Default: {each.default}.")
        if each.variable:
            yield _line(f"Environment variable: {each.variable}.")


def _page(path: Sequence[str]) -> str:
    return "-".join(path)


def _line(text: str) -> str:
    """A line of text, escaped if it starts with a dot or quote, which roff takes for a request."""
    line = _text(" ".join(text.split()))
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _text(text: str) -> str:
    """Text escaped for roff: literal backslashes and hyphens, non-ASCII characters by number."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("`", "")
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", escaped)
