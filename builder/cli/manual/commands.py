"""Describes every command with its arguments and options, in the order of `golden --help`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """An argument or an option.

    `term` is how the user writes it: `NODE...`, `--output FOLDER`. `default` is the value without it, and
    `variable` the environment variable that sets it; None if there is none.
    """

    term: str
    help: str
    required: bool
    default: str | None
    variable: str | None


@dataclass(frozen=True, slots=True)
class CommandDescription:
    """A command. `path` holds its words: `("golden", "node", "list")`; `parts` the command names of a group."""

    path: tuple[str, ...]
    help: str
    arguments: tuple[ParameterDescription, ...]
    options: tuple[ParameterDescription, ...]
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The command as typed: `golden node list`."""
        return " ".join(self.path)

    @property
    def heading(self) -> str:
        """The first paragraph of the help, as one line."""
        return " ".join(self.help.split("\n\n")[0].split())

    @property
    def details(self) -> tuple[str, ...]:
        """The other paragraphs of the help, one line each."""
        return tuple(" ".join(paragraph.split()) for paragraph in self.help.split("\n\n")[1:])

    @property
    def usage(self) -> str:
        """The usage line: `golden clone [OPTIONS] TEMPLATE NODE...`."""
        words = [self.name]
        words += ["[OPTIONS]"] if self.options else []
        words += ["COMMAND"] if self.parts else []
        words += [each.term if each.required else optional(each.term) for each in self.arguments]
        return " ".join(words)


def optional(term: str) -> str:
    """The term of an optional argument, in brackets."""
    return term if term.startswith("[") else f"[{term}]"


def describe_commands(root: Any) -> list[CommandDescription]:
    """All commands below `root`, without hidden ones. A group comes before its commands."""
    return list(_walk(root, ("golden",), None))


def _walk(command: Any, path: tuple[str, ...], parent: typer.Context | None) -> Iterator[CommandDescription]:
    context = typer.Context(command, info_name=path[-1], parent=parent)
    # Click adds --help to each command; the introduction describes it once for all.
    parameters = [each for each in command.params if not each.hidden]
    parts = {
        name: each
        for name, each in (command.commands.items() if isinstance(command, TyperGroup) else ())
        if not each.hidden
    }
    yield CommandDescription(
        path,
        command.help or "",
        tuple(_argument(each, context) for each in parameters if isinstance(each, TyperArgument)),
        tuple(_option(each, context) for each in parameters if isinstance(each, TyperOption)),
        tuple(parts),
    )
    for name, each in parts.items():
        yield from _walk(each, (*path, name), context)


def _argument(argument: TyperArgument, context: typer.Context) -> ParameterDescription:
    term = argument.metavar or argument.name.upper()
    many = "" if argument.nargs == 1 or term.endswith(("...", "…", "…]")) else "..."
    return ParameterDescription(
        f"{term}{many}", argument.help or "", argument.required, _default(argument, context), _variable(argument)
    )


def _option(option: TyperOption, context: typer.Context) -> ParameterDescription:
    term = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        term += f" / {', '.join(option.secondary_opts)}"
    if not option.is_flag:
        term += f" {option.metavar or _value(option, context)}"
    return ParameterDescription(term, option.help or "", option.required, _default(option, context), _variable(option))


def _value(option: TyperOption, context: typer.Context) -> str:
    """The placeholder for the value of an option without metavar: its choices, or its name in capitals."""
    if option.type_descriptor.is_choice:
        return option.display_type(context).strip("<>")
    return "N" if option.type_descriptor.is_ranged else max(option.opts, key=len).lstrip("-").upper()


def _default(parameter: TyperArgument | TyperOption, context: typer.Context) -> str | None:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if not parameter.show_default or parameter.required:
        return None
    value = parameter.get_default(context, call=False)
    if isinstance(parameter, TyperOption) and parameter.is_flag:
        return max(parameter.opts, key=len) if value and parameter.secondary_opts else None
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value in (None, [], ()) else str(value)


def _variable(parameter: TyperArgument | TyperOption) -> str | None:
    found = parameter.envvar
    return found if found is None or isinstance(found, str) else ", ".join(found)
