"""Parsing YAML text into plain values and their positions.

This module composes the nodes itself from ruamel.yaml's events, so that any text takes bounded time: it
counts nesting, size and the expansion of aliases while it reads, before it builds anything from them.
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
"""The most levels that lists and maps may nest."""

MAX_VALUES = 20_000
"""The most values of a recipe with its aliases expanded; long texts count by their length."""

CHARACTERS = 100
"""The number of characters that count as one value."""

_FOUND = re.compile(r"\('(<[a-z ]+>)',\)|'(?=<)|(?<=>)'")
"""ruamel.yaml's notation for an unexpected token, with Python's quotes and brackets around it."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A YAML value. `weight` (in values) and `height` (in levels) count aliases as expanded."""

    position: Position
    value: Scalar | list[YamlNode] | dict[str, tuple[Position, YamlNode]]
    weight: int
    height: int


def parse(text: str, file: Path) -> tuple[Any, RecipeSource, list[Problem]]:
    """The plain value of a YAML 1.2 text, the positions in it, and the problems that do not prevent a value.

    Raises RecipeError if there is no value: invalid YAML, not exactly one document, too deep, too large.
    """
    composer = _Composer(YAML(typ="safe", pure=True).parse(text), file)
    try:
        node = composer.document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else composer.position
        reason = ", ".join(part.strip() for part in (error.problem, error.context) if part)
        reason = _FOUND.sub(r"\1", reason)
        hint = "indent with spaces, not with tabs" if "\\t" in reason else None
        composer.fail(f"invalid YAML: {reason}", position, hint)
    except ReaderError as error:
        position = position_at(text, error.position)
        composer.fail(f"the character U+{ord(text[error.position]):04X} is not allowed in YAML", position)
    except (YAMLError, ValueError, OverflowError) as error:
        # ruamel.yaml does not catch Python's errors for an escape beyond Unicode.
        composer.fail(f"invalid YAML: {error}")
    source = RecipeSource(file)
    return _to_plain(node, (), source), source, composer.problems


def position_at(text: str, index: int) -> Position:
    """The line and column of the character at an index."""
    before = text[:index]
    return Position(before.count("\n") + 1, index - before.rfind("\n"))


class _Composer:
    def __init__(self, events: Iterator[Event], file: Path) -> None:
        self.problems: list[Problem] = []
        self.position = TOP
        self._events = events
        self._file = file
        self._anchors: dict[str, YamlNode] = {}
        self._weight = 0

    def document(self) -> YamlNode:
        """Read the only document of the stream."""
        self._next()  # the start of the stream
        if isinstance(self._next(), StreamEndEvent):
            self.fail("the recipe is empty", TOP)
        node = self._node(self._next(), 1)
        while isinstance(event := self._next(), DocumentEndEvent):
            pass
        if isinstance(event, DocumentStartEvent):
            self.fail("a second YAML document starts here", hint="remove the line `---`: a recipe is a single document")
        return node

    def fail(self, message: str, position: Position | None = None, hint: str | None = None) -> NoReturn:
        """Raise the problems so far and this one."""
        self._add_problem(message, position or self.position, hint)
        raise RecipeError(self.problems)

    def _add_problem(self, message: str, position: Position, hint: str | None = None) -> None:
        self.problems.append(make_problem(self._file, position, message, hint))

    def _next(self) -> Event:
        event = next(self._events)
        self.position = Position(event.start_mark.line + 1, event.start_mark.column + 1)
        return event

    def _node(self, event: Event, depth: int) -> YamlNode:
        position, weight_before = self.position, self._weight
        self._add_weight(1)
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, position, depth)
        assert isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent)
        if depth > MAX_DEPTH:
            self.fail(f"lists and maps are nested more than {MAX_DEPTH} levels deep")
        if event.tag is not None:
            self._add_problem(f"a recipe cannot have YAML tags such as {event.tag}", position, "remove the tag")
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
        node = YamlNode(position, value, self._weight - weight_before, height)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, name: str, position: Position, depth: int) -> YamlNode:
        target = self._anchors.get(name)
        if target is None:
            self.fail(
                f"the alias *{name} has no anchor &{name} before it",
                position,
                "define the anchor first; if this is no alias, put the text in quotes",
            )
        if depth + target.height > MAX_DEPTH + 1:
            self.fail(f"lists and maps are nested more than {MAX_DEPTH} levels deep, aliases expanded", position)
        self._add_weight(target.weight)
        return YamlNode(position, target.value, target.weight, target.height)

    def _map(self, depth: int) -> dict[str, tuple[Position, YamlNode]]:
        entries: dict[str, tuple[Position, YamlNode]] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            position = self.position
            key = self._node(event, depth + 1).value
            node = self._node(self._next(), depth + 1)
            if node.value is None:
                # The parser gives an absent value the position of the next token, lines later.
                node = replace(node, position=position)
            if not isinstance(key, str):
                quoted = (
                    f'put it in quotes: "{event.value}"' if isinstance(event, ScalarEvent) and event.value else None
                )
                self._add_problem("a key must be a string", position, quoted)
            elif key in entries:
                first = entries[key][0]
                hint = f"remove one of them; the first is at {first.line}:{first.column}"
                self._add_problem(f'duplicate key "{key}"', position, hint)
            else:
                entries[key] = position, node
        return entries

    def _scalar(self, event: ScalarEvent) -> Scalar:
        text: str = event.value
        self._add_weight(len(text) // CHARACTERS)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("an escape sequence encodes only half of a character")
        return resolve(text) if event.implicit[0] else text

    def _add_weight(self, weight: int) -> None:
        self._weight += weight
        if self._weight > MAX_VALUES:
            self.fail(f"the recipe has more than {MAX_VALUES:,} values, aliases expanded")


def _to_plain(node: YamlNode, route: Route, source: RecipeSource) -> Any:
    """The plain value of a node; its positions go into `source`."""
    source.values[route] = node.position
    if isinstance(node.value, list):
        return [_to_plain(item, (*route, index), source) for index, item in enumerate(node.value)]
    if isinstance(node.value, dict):
        plain = {}
        for key, (position, item) in node.value.items():
            source.keys[(*route, key)] = position
            plain[key] = _to_plain(item, (*route, key), source)
        return plain
    return node.value


_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
# Longer numbers become floats: no option needs them as integers, and Python refuses to parse thousands of digits.
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """The value of an unquoted word in the core schema of YAML 1.2, where `yes` and `on` are strings."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _SPECIAL.fullmatch(text) else text
