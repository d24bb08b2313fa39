"""Turning pydantic's errors into problems: with their position in the file, in plain words."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from builder.errors import Problem, did_you_mean
from builder.recipe.positions import RecipeSource, Route

_TYPES = {
    "string": "must be a string",
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "list": "must be a list",
    "tuple": "must be a list",
    "set": "must be a list",
    "frozen_set": "must be a list",
    "dict": "must be a map",
    "model": "must be a map",
    "none": "must be left out",
}


_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ValidatedPart(Generic[Model]):
    """The part of the file that was validated: a `model` at `route`.

    Messages call it `name`. `shorthand` is the option whose value stands there without a map. `hint` tells
    where to read about its options.
    """

    model: type[Model]
    route: Route
    name: str
    shorthand: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    """One pydantic error and the route of its value in the file.

    `rest` is the part of pydantic's location that the file does not have. `union` is the route of the
    union around the value, if any.
    """

    route: Route
    rest: Route
    union: Route | None
    error: ErrorDetails


def explain(error: ValidationError, subject: ValidatedPart[Any], source: RecipeSource) -> Iterator[Problem]:
    """The problems behind a validation error."""
    faults = [_locate(details, subject, source) for details in error.errors(include_url=False)]
    for fault, alternatives in _choose(faults):
        yield _problem(fault, alternatives, subject, source)


def _locate(error: ErrorDetails, subject: ValidatedPart[Any], source: RecipeSource) -> _Fault:
    """Follow pydantic's location through the file; parts that the file does not have name branches of unions."""
    location = error["loc"]
    if subject.shorthand and location[:1] == (subject.shorthand,):
        location = location[1:]
    route = subject.route
    rest: list[str | int] = []
    union: Route | None = None
    for index, part in enumerate(location):
        if (*route, part) in source.values:
            route = (*route, part)
            rest = []
        else:
            rest.append(part)
            is_last = index == len(location) - 1
            if not is_last or error["type"] != "missing":
                union = route if union is None else union
    return _Fault(route, tuple(rest), union, error)


def _choose(faults: list[_Fault]) -> Iterator[tuple[_Fault, list[_Fault]]]:
    """Each fault to report, with those to merge into its message: of a union, the branches that got furthest."""
    for fault in faults:
        if fault.union is None:
            yield fault, [fault]
            continue
        branches = [other for other in faults if other.union == fault.union]
        furthest = max(map(_depth, branches))
        best = [other for other in branches if _depth(other) == furthest]
        if furthest:
            if fault in best:
                yield fault, [fault]
        elif fault is best[0]:
            yield fault, best


def _depth(fault: _Fault) -> int:
    """How far a branch of a union got into the value: 0 if the value did not even have its type."""
    if fault.route != fault.union or fault.error["type"] == "missing":
        return 2
    return 1 if fault.error["type"] == "value_error" else 0


def _problem(fault: _Fault, alternatives: list[_Fault], subject: ValidatedPart[Any], source: RecipeSource) -> Problem:
    error, route = fault.error, fault.route
    name = next((str(part) for part in reversed(route[len(subject.route) :]) if isinstance(part, str)), subject.name)
    if error["type"] == "union_tag_not_found":
        key = error["ctx"]["discriminator"].strip("'")
        return source.problem(route, f'{name} needs the option "{key}"', subject.hint)
    if error["type"] == "union_tag_invalid":
        key, known = error["ctx"]["discriminator"].strip("'"), error["ctx"]["expected_tags"].replace("'", "")
        meant = did_you_mean(str(error["ctx"]["tag"]), known.split(", "))
        return source.problem((*route, key), f"{key}: must be {_any_of(known.split(', '))}{meant}", subject.hint)
    if error["type"] == "missing":
        return source.problem(route, f'{name} needs the option "{error["loc"][-1]}"', subject.hint)
    if error["type"] == "extra_forbidden":
        *around, key = route
        owner = next((part for part in reversed(around[len(subject.route) :]) if isinstance(part, str)), subject.name)
        options, foreign = _options(subject.model, error["loc"][:-1])
        if kind := foreign.get(str(key)):
            return source.problem(route, f'{kind} has no option "{key}"', subject.hint, key=True)
        meant = did_you_mean(str(key), options)
        return source.problem(route, f'unknown option "{key}" of {owner}{meant}', subject.hint, key=True)
    is_key = "[key]" in fault.rest
    words = " or ".join(dict.fromkeys(_describe(other.error) for other in alternatives)).replace(" or must be ", " or ")
    return source.problem(route, f"{name}: {words}", _find_hint(error, name), key=is_key)


def _describe(error: ErrorDetails) -> str:
    """What is wrong with a value."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return error["msg"].partition("error, ")[2] or error["msg"]
    if kind in ("literal_error", "enum"):
        return "must be " + str(context["expected"]).replace("'", "").replace("True", "true").replace("False", "false")
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"must be {words} {context[bound]}"
    if kind in ("int_from_float", "int_parsing"):
        return _TYPES["int"]
    if kind == "string_pattern_mismatch":
        return "has characters that are not allowed here"
    if kind in ("too_short", "string_too_short"):
        return (
            "must not be empty" if context["min_length"] == 1 else f"must have at least {_count(kind, 'min', context)}"
        )
    if kind in ("too_long", "string_too_long"):
        return f"must have at most {_count(kind, 'max', context)}"
    word = _TYPES.get(kind.removesuffix("_type").removesuffix("_attributes"))
    return word or error["msg"].replace("Input should be", "must be")


def _count(kind: str, bound: str, context: dict[str, Any]) -> str:
    """The bound of a length, with its unit."""
    return f"{context[f'{bound}_length']} {'characters' if kind.startswith('string') else 'entries'}"


def _any_of(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _find_hint(error: ErrorDetails, name: str) -> str | None:
    """How to correct a value; `name` is the name of the option."""
    if hint := getattr(error.get("ctx", {}).get("error"), "hint", None):
        return str(hint)
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        return "put it in quotes to make it a string"
    if error["type"] == "string_type" and isinstance(error["input"], dict) and len(error["input"]) == 1:
        (inner,) = error["input"].values()
        return f"write `{name}: {inner}`" if isinstance(inner, str) and inner.isprintable() else None
    if error["type"] in ("bool_type", "literal_error") and error["input"] in ("yes", "no", "on", "off"):
        return "write true or false: in YAML 1.2 these words are strings"
    return None


def _options(model: type[BaseModel], location: Route) -> tuple[set[str], dict[str, str]]:
    """The options that the map at a location may have, and those that only other branches of its union have.

    The latter map to the value that chose the branch, such as debian.
    """
    models, foreign = {model}, dict[str, str]()
    for part in location:
        fields = [inner.model_fields[part] for inner in models if isinstance(part, str) and part in inner.model_fields]
        chosen = {inner for inner in models if any(part in _literals(each) for each in inner.model_fields.values())}
        if fields:
            models, foreign = {found for field in fields for found in _models(field.annotation)}, {}
        elif chosen:
            foreign = dict.fromkeys(_names(models) - _names(chosen), str(part))
            models = chosen
    return _names(models), foreign


def _names(models: set[type[BaseModel]]) -> set[str]:
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def _literals(field: FieldInfo) -> tuple[Any, ...]:
    """The values of an option that is a Literal; else nothing."""
    return typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation, also inside unions and containers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
