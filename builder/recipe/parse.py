"""YAML text to plain values and their places.

The nodes are composed here, from ruamel.yaml's events, so that text of any kind costs bounded time:
nesting, size and what aliases expand to are counted while reading, before anything is built of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from builder.errors import Problem, RecipeError
from builder.recipe.positions import TOP, Position, RecipeSource, Route, make_problem

MAX_DEPTH = 64
"""How deep lists and maps may nest."""

MAX_VALUES = 20_000
"""How many values a recipe may have once its aliases are expanded; a long text counts by its length."""

CHARACTERS = 100
"""How many characters of a text weigh as much as one value."""

_FOUND = re.compile(r"\('(<[a-z ]+>)',\)|'(?=<)|(?<=>)'")
"""How ruamel.yaml shows the token that it found instead of another, with quotes and brackets of Python's."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value as YAML has it. `weight` and `height` include all that aliases in it stand for."""

    mark: Position
    value: Scalar | list[YamlNode] | dict[str, tuple[Position, YamlNode]]
    weight: int
    height: int


def parse(text: str, file: Path) -> tuple[Any, RecipeSource, list[Problem]]:
    """The plain value of a YAML 1.2 text, the places in it, and the problems that still leave a value.

    Raises RecipeError where there is no value: not YAML, not one document, too deep, too much.
    """
    composer = _Composer(YAML(typ="safe", pure=True).parse(text), file)
    try:
        node = composer.document()
    except MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Position(place.line + 1, place.column + 1) if place else composer.mark
        reason = ", ".join(part.strip() for part in (error.problem, error.context) if part)
        reason = _FOUND.sub(r"\1", reason)
        hint = "indent with spaces, not with tabs" if "\\t" in reason else None
        composer.fail(f"not valid YAML: {reason}", mark, hint)
    except ReaderError as error:
        mark = find_mark(text, error.position)
        composer.fail(f"the character U+{ord(text[error.position]):04X} is not allowed in YAML", mark)
    except (YAMLError, ValueError, OverflowError) as error:
        # ruamel.yaml lets Python's own errors through for an escape of no Unicode character.
        composer.fail(f"not valid YAML: {error}")
    source = RecipeSource(file)
    return _place(node, (), source), source, composer.problems


def find_mark(text: str, index: int) -> Position:
    """The line and column of a character."""
    before = text[:index]
    return Position(before.count("\n") + 1, index - before.rfind("\n"))


class _Composer:
    def __init__(self, events: Iterator[Event], file: Path) -> None:
        self.problems: list[Problem] = []
        self.mark = TOP
        self._events = events
        self._file = file
        self._anchors: dict[str, YamlNode] = {}
        self._weight = 0

    def document(self) -> YamlNode:
        """The only document of the stream."""
        self._next()  # the start of the stream
        if isinstance(self._next(), StreamEndEvent):
            self.fail("the recipe is empty", TOP)
        node = self._node(self._next(), 1)
        while isinstance(event := self._next(), DocumentEndEvent):
            pass
        if isinstance(event, DocumentStartEvent):
            self.fail("a second YAML document begins here", hint="a recipe is one document: remove the line ---")
        return node

    def fail(self, message: str, mark: Position | None = None, hint: str | None = None) -> NoReturn:
        """End here, with the problems so far and this one."""
        self._complain(message, mark or self.mark, hint)
        raise RecipeError(self.problems)

    def _complain(self, message: str, mark: Position, hint: str | None = None) -> None:
        self.problems.append(make_problem(self._file, mark, message, hint))

    def _next(self) -> Event:
        event = next(self._events)
        self.mark = Position(event.start_mark.line + 1, event.start_mark.column + 1)
        return event

    def _node(self, event: Event, depth: int) -> YamlNode:
        mark, before = self.mark, self._weight
        self._weigh(1)
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, mark, depth)
        assert isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent)
        if depth > MAX_DEPTH:
            self.fail(f"lists and maps nest deeper than {MAX_DEPTH}")
        if event.tag is not None:
            self._complain(f"tags such as {event.tag} have no use in a recipe", mark)
        value: Scalar | list[YamlNode] | dict[str, tuple[Position, YamlNode]]
        if isinstance(event, MappingStartEvent):
            value = self._map(depth)
            height = 1 + max((node.height for _, node in value.values()), default=0)
        elif isinstance(event, SequenceStartEvent):
            value = []
            while not isinstance(item := self._next(), SequenceEndEvent):
                value.append(self._node(item, depth + 1))
            height = 1 + max((node.height for node in value), default=0)
        else:
            value, height = self._scalar(event), 1
        node = YamlNode(mark, value, self._weight - before, height)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, name: str, mark: Position, depth: int) -> YamlNode:
        target = self._anchors.get(name)
        if target is None:
            self.fail(f"the alias *{name} stands for nothing before it", mark)
        if depth + target.height > MAX_DEPTH + 1:
            self.fail(f"lists and maps nest deeper than {MAX_DEPTH}, aliases expanded", mark)
        self._weigh(target.weight)
        return YamlNode(mark, target.value, target.weight, target.height)

    def _map(self, depth: int) -> dict[str, tuple[Position, YamlNode]]:
        entries: dict[str, tuple[Position, YamlNode]] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            mark = self.mark
            key = self._node(event, depth + 1).value
            node = self._node(self._next(), depth + 1)
            if node.value is None:
                # The parser puts a value that is not there where the next thing is, lines later.
                node = replace(node, mark=mark)
            if not isinstance(key, str):
                quoted = (
                    f'put it in quotes: "{event.value}"' if isinstance(event, ScalarEvent) and event.value else None
                )
                self._complain("a key must be a string", mark, quoted)
            elif key in entries:
                first = entries[key][0]
                self._complain(f'duplicate key "{key}"', mark, f"the first stands at {first.line}:{first.column}")
            else:
                entries[key] = mark, node
        return entries

    def _scalar(self, event: ScalarEvent) -> Scalar:
        text: str = event.value
        self._weigh(len(text) // CHARACTERS)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("an escape stands for half a character")
        return resolve(text) if event.implicit[0] else text

    def _weigh(self, weight: int) -> None:
        self._weight += weight
        if self._weight > MAX_VALUES:
            self.fail(f"the recipe has more than {MAX_VALUES:,} values, aliases expanded")


def _place(node: YamlNode, route: Route, source: RecipeSource) -> Any:
    """The plain value of a node; its places go into `source`."""
    source.values[route] = node.mark
    if isinstance(node.value, list):
        return [_place(item, (*route, index), source) for index, item in enumerate(node.value)]
    if isinstance(node.value, dict):
        plain = {}
        for key, (mark, item) in node.value.items():
            source.keys[(*route, key)] = mark
            plain[key] = _place(item, (*route, key), source)
        return plain
    return node.value


_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
# More digits than this are a float: no option counts so far, and Python refuses thousands of them.
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """What an unquoted word stands for, by the core schema of YAML 1.2 (so `yes` and `on` are strings)."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _SPECIAL.fullmatch(text) else text
