"""Descriptions of steps, bases and seal operations, from their declarations, for the commands and the reference."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from builder.bases import Base
from builder.recipe.schema import Schema, define
from builder.seal import Operation
from builder.steps import Step

_TYPES = {
    "string": "string",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "map",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class StepOption:
    """One option; `default` is a YAML value, without meaning if the option is required."""

    name: str
    type: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True, slots=True)
class StepDescription:
    """The description of a step, required options first.

    `guests` is empty if the step supports all; `shorthand` is the option that can be given without a map.
    """

    name: str
    heading: str
    docs: str
    shorthand: str | None
    guests: tuple[str, ...]
    late: bool
    options: tuple[StepOption, ...]
    example: str


def describe(step: type[Step]) -> StepDescription:
    definitions = define([step])
    return StepDescription(
        name=step.step_name,
        heading=step.heading(),
        docs=(inspect.getdoc(step) or "").partition("\n")[2].strip(),
        shorthand=step.shorthand,
        guests=tuple(sorted(step.families or ())),
        late=step.late,
        options=_options(definitions[step.__name__], definitions),
        example=step.example,
    )


def _options(schema: Schema, definitions: dict[str, Schema]) -> tuple[StepOption, ...]:
    required = schema.get("required", [])
    options = [
        StepOption(name, _type(option, definitions), name in required, option.get("default"), option["description"])
        for name, option in schema.get("properties", {}).items()
    ]
    return tuple(sorted(options, key=lambda option: not option.required))


@dataclass(frozen=True, slots=True)
class BaseDescription:
    """The description of a kind of base; `options` are those below its name, or beside it if its value is no map.

    A bootstrap's options depend on the distribution: `variants` has them for each group of distributions.
    """

    name: str
    heading: str
    options: tuple[StepOption, ...]
    variants: tuple[tuple[str, tuple[StepOption, ...]], ...] = ()


def describe_base(name: str, base: type[Base]) -> BaseDescription:
    definitions = define([base])
    schema = definitions[base.__name__]
    value = schema["properties"][name]
    inner = _resolve(value, definitions) if "$ref" in value else schema
    variants = (_resolve(branch, definitions) for branch in value.get("oneOf", ()))
    return BaseDescription(
        name=name,
        heading=(inspect.getdoc(base) or "").partition("\n")[0],
        options=_options(inner, definitions),
        variants=tuple(
            (_type(variant["properties"]["distribution"], definitions), _options(variant, definitions))
            for variant in variants
        ),
    )


def _resolve(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """The schema that a reference points at."""
    found: Schema = definitions[schema["$ref"].rpartition("/")[2]]
    return found


def describe_section(section: type[BaseModel]) -> tuple[StepOption, ...]:
    """The options of a section of the recipe."""
    definitions = define([section])
    return _options(definitions[section.__name__], definitions)


@dataclass(frozen=True, slots=True)
class OperationDescription:
    """The description of a seal operation; `paths` are its patterns, by what happens to the files that match."""

    name: str
    heading: str
    docs: str
    default: bool
    paths: dict[str, list[str]]


def describe_operation(operation: Operation) -> OperationDescription:
    paths = {
        "Removed": operation.removed,
        "Removed, files only": operation.removed_files,
        "Emptied": operation.emptied,
        "Spared": operation.spared,
    }
    return OperationDescription(
        name=operation.name,
        heading=operation.heading,
        docs=_docs(type(operation)),
        default=operation.default,
        paths={effect: list(patterns) for effect, patterns in paths.items() if patterns},
    )


def _docs(own: type[Operation]) -> str:
    """The docstring of an operation's class; empty for the one that `dataclass` generates."""
    text = vars(own).get("__doc__") or ""
    return "" if own is Operation or text.startswith(f"{own.__name__}(") else inspect.cleandoc(text)


def _type(schema: Schema, definitions: dict[str, Schema]) -> str:
    """A description of the values that a schema accepts."""
    if "$ref" in schema:
        return _type(_resolve(schema, definitions), definitions)
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return _any_of([_type(choice, definitions) for choice in choices if choice.get("type") != "null"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return _any_of([value if isinstance(value, str) else json.dumps(value) for value in values])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), definitions)}"
    if options := schema.get("properties"):
        return f"map of {', '.join(options)}"
    kinds = schema.get("type", "any value")
    return _any_of([_TYPES.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _any_of(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
