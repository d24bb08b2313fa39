"""Commands in texts, and whether the real command line takes them. None of them is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from builder.cli import command_line

ROOT = command_line()
PLACEHOLDER = re.compile(r"\[?[A-Z][A-Z0-9@:|_-]*(\.\.\.|…)?\]?(\.\.\.)?")
"""A word that stands for an argument: NAME, TEMPLATE:VERSION, [NAME], NODE..."""

WORDS = frozenset(ROOT.commands)
"""The first words that commands can have."""


def problem_of(text: str) -> str | None:
    """Why the command line would refuse a text such as `golden clone TEMPLATE NODE`; None if it would not."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return str(error)
    if not words or words[0].rpartition("/")[2] != "golden":
        return "does not begin with golden"
    command, path, parent = ROOT, ["golden"], None
    words = [word for word in words[1:] if word not in ("…", "...")]
    while isinstance(command, TyperGroup):
        if words[:1] and words[0].startswith("-"):
            return _parse(command, path, words, parent)
        if not words:
            return f"{' '.join(path)} needs a command"
        if words[0] not in command.commands:
            return f"{' '.join(path)} has no command {words[0]}"
        parent = typer.Context(command, info_name=path[-1], parent=parent)
        command = command.commands[words[0]]
        path.append(words.pop(0))
    return _parse(command, path, words, parent)


def is_name(text: str) -> bool:
    """Whether a text is no more than a command's name, as `golden node list` is."""
    command: Any = ROOT
    for word in text.split()[1:]:
        if not isinstance(command, TyperGroup) or word not in command.commands:
            return False
        command = command.commands[word]
    return True


def _parse(command: Any, path: list[str], words: list[str], parent: typer.Context | None) -> str | None:
    # What acts as soon as it is parsed: it would print, or write to a shell's start-up files.
    acting = {name for each in command.params if each.callback for name in each.opts} - {"--verbose"}
    if acting & set(words) or {"-h", "--help", "--version"} & set(words):
        return None
    try:
        context = command.make_context(path[-1], _filled(command, words), parent=parent)
    except typer.TyperException as error:
        return error.format_message()
    if path[1:] == ["nightly", "install"]:
        return problem_of(shlex.join(["golden", "nightly", "run", *(context.params["arguments"] or ())]))
    return None


def _filled(command: Any, words: list[str]) -> list[str]:
    """The words, with numbers and choices in the place of placeholders where only such are taken."""
    options = {name: each for each in command.params for name in each.opts if each.param_type_name == "option"}
    filled: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        option = options.get(before)
        if option is not None and not option.is_flag and PLACEHOLDER.fullmatch(word):
            kind = option.type_descriptor
            choices = list(kind.choices or ()) if kind.is_choice else []
            number = kind.is_ranged or kind.annotation in (int, float)
            word = str(choices[0]) if choices else "1" if number else word
        filled.append(word)
    return filled


def commands_of_shell(script: str) -> Iterator[str]:
    """Each call of golden in a shell script, without what is piped or redirected."""
    for line in re.sub(r"\\\n\s*", " ", script).splitlines():
        lexer = shlex.shlex(line, posix=False, punctuation_chars=True)
        lexer.whitespace_split = True
        call: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;<>()"):
                while call and re.match(r"[A-Za-z_]\w*=|sudo$", call[0]):
                    call.pop(0)
                if call and call[0].rpartition("/")[2] == "golden":
                    yield " ".join(call)
                call = [] if word not in ("<", ">", ">>") else ["redirected"]
            else:
                call.append(word)
