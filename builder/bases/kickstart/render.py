"""A kickstart or preseed file from its template, knowing of each of its lines where it stands in the template."""

from __future__ import annotations

import functools
import os
import re
import shlex
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.environment import Environment
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from builder.errors import Problem, RecipeError
from builder.render import environment, explain_undefined, find_undefined

MAX_BYTES = 1 << 20
"""An answer file larger than this is none."""

MAX_UNDEFINED = 20
"""How many undefined variables are told at once."""

MARK = "\0"
"""Encloses the number of a template's line; no template holds one itself."""

_NUMBER = re.compile(f"{MARK}([0-9]+){MARK}")

RAW_HINT = "text that only looks like a template goes between {% raw %} and {% endraw %}"


class _Marks(Extension):
    """Puts its line's number before every line of a template, and before all that follows an expression in it."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            if token.type == "data":
                lines = enumerate(token.value.split("\n"), token.lineno)
                token = Token(token.lineno, "data", "\n".join(f"{MARK}{number}{MARK}{line}" for number, line in lines))
            yield token


@functools.cache
def _environment() -> Environment:
    made = environment().overlay()
    # A kickstart's lines are split as a shell does it.
    made.filters = {**made.filters, "quote": shlex.quote}
    return made


@functools.cache
def _marking_environment() -> Environment:
    return _environment().overlay(extensions=[_Marks])


@dataclass(frozen=True, slots=True)
class AnswersTemplate:
    """A template's text, and its file as the user knows it."""

    file: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> AnswersTemplate:
        """Raises RecipeError for what is no text."""
        file = shown(path)
        try:
            with path.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise RecipeError([Problem(file, 1, 1, f"cannot be read: {error.strerror}")]) from error
        if len(content) > MAX_BYTES:
            raise RecipeError([Problem(file, 1, 1, f"larger than {MAX_BYTES >> 20} MiB: no answers for an installer")])
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            message = f"not UTF-8: byte 0x{content[error.start]:02X}"
            raise RecipeError([Problem(file, line, 1, message)]) from error
        text = text.replace("\r\n", "\n")
        if MARK in text:
            line = text[: text.index(MARK)].count("\n") + 1
            raise RecipeError([Problem(file, line, 1, "holds a zero byte: no text")])
        return cls(file, text)

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def problem(self, line: int, message: str, word: str | None = None, hint: str | None = None) -> Problem:
        """A problem at a line, at `word` in it where that stands there, else at its first letter.

        Of a word such as --size=7 the name alone may stand there, if its value is a variable's.
        """
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        names = filter(None, (word, word and word.partition("=")[0]))
        tried = (re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for name in names)
        found = next(filter(None, tried), None)
        column = found.start() if found else len(text) - len(text.lstrip())
        return Problem(self.file, max(line, 1), column + 1, message, hint)


@dataclass(frozen=True, slots=True)
class RenderedAnswers:
    """A template with its variables filled in; `places` are the template's lines behind each of `text`'s.

    They are None where a template reads its own output, so that it comes out otherwise once marked.
    """

    template: AnswersTemplate
    text: str
    places: tuple[int, ...] | None

    @property
    def lines(self) -> list[str]:
        return self.text.removesuffix("\n").split("\n")

    def problem(self, line: int, message: str, word: str | None = None, hint: str | None = None) -> Problem:
        """A problem at a line of the text, told at its place in the template."""
        line = min(max(line, 1), len(self.lines))
        if self.places is None:
            return self.template.problem(1, f"{message} (in line {line} once rendered)", hint=hint)
        return self.template.problem(self.places[line - 1], message, word, hint)


def shown(path: Path) -> Path:
    """A path as it is told: without `..`, and relative where it lies below the current folder."""
    plain = Path(os.path.normpath(path))
    try:
        return plain.relative_to(Path.cwd())
    except ValueError:
        return plain


def render(template: AnswersTemplate, variables: Mapping[str, Any]) -> RenderedAnswers:
    """Fill in the variables. Raises RecipeError: for the first syntax error, or all undefined variables."""
    try:
        compiled = _environment().from_string(template.text)
    except TemplateSyntaxError as error:
        message = f"invalid template: {(error.message or '').rstrip('.')}"
        word = next((word for word in re.findall(r"'([^']+)'", message) if word.isidentifier()), None)
        raise RecipeError([template.problem(error.lineno, message, word, RAW_HINT)]) from error
    problems: list[Problem] = []
    values = dict(variables)
    while len(problems) < MAX_UNDEFINED:
        try:
            text = compiled.render(values)
            break
        except UndefinedError as error:
            name = find_undefined(error)
            if problems and (name is None or name in values):
                break  # it follows from what was put in a variable's stead
            attribute = re.search(r"attribute '([^']+)'", str(error))
            word = name or (attribute[1] if attribute else None)
            problems.append(template.problem(_line_of(error), explain_undefined(error, variables), word))
            if name is None:
                break
            values[name] = ""
        except Exception as error:  # a template's expressions raise what Python's would
            if not problems:
                reason = str(error) or type(error).__name__
                problems.append(template.problem(_line_of(error), f"cannot render the template: {reason}"))
            break
    if problems:
        raise RecipeError(problems)
    return RenderedAnswers(template, text, _find_places(template, text, values))


def _line_of(error: BaseException) -> int:
    """The line of the template that was rendered last; Jinja2 puts its frames into the traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return (lines[-1] if lines else None) or 1


def _find_places(template: AnswersTemplate, text: str, variables: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The template's line for each line of what it renders to."""
    try:
        marked = _marking_environment().from_string(template.text).render(variables)
    except Exception:  # it computes with its own output, which the marks have changed
        return None
    if _NUMBER.sub("", marked) != text:
        return None
    places = []
    current = 1
    for line in marked.split("\n"):
        place: int | None = None
        end = 0
        for mark in _NUMBER.finditer(line):
            if place is None and line[end : mark.start()].strip():
                place = current
            current, end = int(mark[1]), mark.end()
        # A line that is blank belongs where it began, one with text where its text does.
        first = _NUMBER.match(line)
        blank = int(first[1]) if first else current
        places.append(place or (current if line[end:].strip() else blank))
    return tuple(places)
