"""What `golden steps` and `golden seal` tell, from the declarations of steps and operations."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

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
class Option:
    """One option of a step; `default` is a value of YAML, and says nothing where the option is required."""

    name: str
    type: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True, slots=True)
class Description:
    """A step in words. `guests` is empty where it fits all; `shorthand` is the option that needs no map."""

    name: str
    heading: str
    docs: str
    shorthand: str | None
    guests: tuple[str, ...]
    late: bool
    options: tuple[Option, ...]
    example: str


def describe(step: type[Step]) -> Description:
    definitions = define([step])
    schema = definitions[step.__name__]
    required = schema.get("required", [])
    return Description(
        name=step.step_name,
        heading=step.heading(),
        docs=(inspect.getdoc(step) or "").partition("\n")[2].strip(),
        shorthand=step.shorthand,
        guests=tuple(sorted(step.families or ())),
        late=step.late,
        options=tuple(
            Option(name, _type(option, definitions), name in required, option.get("default"), option["description"])
            for name, option in schema.get("properties", {}).items()
        ),
        example=step.example,
    )


@dataclass(frozen=True, slots=True)
class OperationDescription:
    """A seal operation in words; `paths` are its patterns, by what becomes of what matches."""

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
    own = type(operation)
    return OperationDescription(
        name=operation.name,
        heading=operation.heading,
        docs=(inspect.getdoc(own) or "") if own is not Operation and "__doc__" in vars(own) and own.__doc__ else "",
        default=operation.default,
        paths={what: list(patterns) for what, patterns in paths.items() if patterns},
    )


def _type(schema: Schema, definitions: dict[str, Schema]) -> str:
    """The values that a schema accepts, in words."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return _any_of([_type(choice, definitions) for choice in choices if choice.get("type") != "null"])
    if "enum" in schema or "const" in schema:
        return _any_of([str(value) for value in schema.get("enum", [schema.get("const")])])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), definitions)}"
    if options := schema.get("properties"):
        return f"map of {', '.join(options)}"
    kinds = schema.get("type", "any value")
    return _any_of([_TYPES.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _any_of(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
