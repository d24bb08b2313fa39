"""Rendering a kickstart or preseed file, and finding for each of its lines the line of the template."""

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
from builder.render import RAW_HINT, environment, explain_undefined, find_undefined, find_undefined_hint

MAX_BYTES = 1 << 20
"""The largest size of an answer file."""

MAX_UNDEFINED = 20
"""The most undefined variables to report at once."""

MARK = "\0"
"""Encloses the number of a template line; `read` refuses templates that contain it."""

_NUMBER = re.compile(f"{MARK}([0-9]+){MARK}")


class _Marks(Extension):
    """Marks every line of a template, and the text after each expression, with the line's number."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            if token.type == "data":
                lines = enumerate(token.value.split("\n"), token.lineno)
                token = Token(token.lineno, "data", "\n".join(f"{MARK}{number}{MARK}{line}" for number, line in lines))
            yield token


@functools.cache
def _environment() -> Environment:
    overlay = environment().overlay()
    # Anaconda splits the lines of a kickstart like a shell.
    overlay.filters = {**overlay.filters, "quote": shlex.quote}
    return overlay


@functools.cache
def _marking_environment() -> Environment:
    return _environment().overlay(extensions=[_Marks])


@dataclass(frozen=True, slots=True)
class AnswersTemplate:
    """The text of a template, and its file as messages show it."""

    file: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> AnswersTemplate:
        """Read a template. Raises RecipeError if the file is not a text file."""
        file = display_path(path)
        try:
            with path.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise RecipeError([Problem(file, 1, 1, f"cannot read the file: {error.strerror}")]) from error
        if len(content) > MAX_BYTES:
            raise RecipeError(
                [Problem(file, 1, 1, f"too large for an answer file: the limit is {MAX_BYTES >> 20} MiB")]
            )
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            message = f"not UTF-8: byte 0x{content[error.start]:02X}"
            raise RecipeError([Problem(file, line, 1, message, "save the file as UTF-8")]) from error
        text = text.replace("\r\n", "\n")
        if MARK in text:
            line = text[: text.index(MARK)].count("\n") + 1
            raise RecipeError([Problem(file, line, 1, "not a text file: it contains a NUL byte")])
        return cls(file, text)

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def problem(self, line: int, message: str, word: str | None = None, hint: str | None = None) -> Problem:
        """A problem at a line: at `word` if the line contains it, or else at the first character.

        If the line does not contain a whole word such as --size=7, because its value is a variable, the name
        --size is enough.
        """
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        names = filter(None, (word, word and word.partition("=")[0]))
        tried = (re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for name in names)
        found = next(filter(None, tried), None)
        column = found.start() if found else len(text) - len(text.lstrip())
        return Problem(self.file, max(line, 1), column + 1, message, hint)


@dataclass(frozen=True, slots=True)
class RenderedAnswers:
    """A rendered template; `places` has the template's line for each line of `text`.

    `places` is None if the template processes its own output, which the marks would change.
    """

    template: AnswersTemplate
    text: str
    places: tuple[int, ...] | None

    @property
    def lines(self) -> list[str]:
        return self.text.removesuffix("\n").split("\n")

    def problem(self, line: int, message: str, word: str | None = None, hint: str | None = None) -> Problem:
        """A problem at a line of the rendered text, with its position in the template."""
        line = min(max(line, 1), len(self.lines))
        if self.places is None:
            return self.template.problem(1, f"{message} (line {line} of the rendered text)", hint=hint)
        return self.template.problem(self.places[line - 1], message, word, hint)


def display_path(path: Path) -> Path:
    """A path for messages: without `..`, and relative if it is below the current folder."""
    plain = Path(os.path.normpath(path))
    try:
        return plain.relative_to(Path.cwd())
    except ValueError:
        return plain


def render(template: AnswersTemplate, variables: Mapping[str, Any]) -> RenderedAnswers:
    """Render the template. Raises RecipeError for the first syntax error, or for all undefined variables."""
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
                break  # caused by the empty value of an undefined variable
            attribute = re.search(r"attribute '([^']+)'", str(error))
            word = name or (attribute[1] if attribute else None)
            message, hint = explain_undefined(error, variables), find_undefined_hint(error)
            problems.append(template.problem(_line_of(error), message, word, hint))
            if name is None:
                break
            values[name] = ""
        except Exception as error:  # expressions raise the same exceptions as in Python
            if not problems:
                reason = str(error).rstrip(".") or type(error).__name__
                problems.append(template.problem(_line_of(error), f"cannot render the template: {reason}"))
            break
    if problems:
        raise RecipeError(problems)
    return RenderedAnswers(template, text, _find_places(template, text, values))


def _line_of(error: BaseException) -> int:
    """The line of the template where rendering failed; Jinja2 adds its frames to the traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return (lines[-1] if lines else None) or 1


def _find_places(template: AnswersTemplate, text: str, variables: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The template's line for each line of the rendered text; None if the marks change that text."""
    try:
        marked = _marking_environment().from_string(template.text).render(variables)
    except Exception:  # the template processes its own output, and the marks changed that
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
        # A blank line belongs to the template line where it starts, another line to that of its text.
        first = _NUMBER.match(line)
        blank = int(first[1]) if first else current
        places.append(place or (current if line[end:].strip() else blank))
    return tuple(places)
