"""pydantic's errors as problems: at their place in the file, in plain words."""

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
    """What was validated: `model`, at `route` of the file.

    `name` is the word for it in messages, `shorthand` the option that stands there without its map,
    and `hint` where to read about its options.
    """

    model: type[Model]
    route: Route
    name: str
    shorthand: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of pydantic's, placed. `union` is the place of the union around it, if any."""

    route: Route
    rest: Route
    union: Route | None
    error: ErrorDetails


def explain(error: ValidationError, subject: ValidatedPart[Any], source: RecipeSource) -> Iterator[Problem]:
    """The problems that a validation found."""
    faults = [_place(details, subject, source) for details in error.errors(include_url=False)]
    for fault, alternatives in _choose(faults):
        yield _problem(fault, alternatives, subject, source)


def _place(error: ErrorDetails, subject: ValidatedPart[Any], source: RecipeSource) -> _Fault:
    """Follow an error's location through the file; what the file does not have is pydantic's own bookkeeping."""
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
    """Each fault to tell, with all that say the same of one value: of a union, the branches that came furthest."""
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
    """How far into its union's value a branch came: 0 where it did not even fit the value's type."""
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
            return source.problem(route, f'"{key}" does not go with {kind}', subject.hint, key=True)
        meant = did_you_mean(str(key), options)
        return source.problem(route, f'unknown option "{key}" of {owner}{meant}', subject.hint, key=True)
    is_key = "[key]" in fault.rest
    words = " or ".join(dict.fromkeys(_words(other.error) for other in alternatives)).replace(" or must be ", " or ")
    return source.problem(route, f"{name}: {words}", _find_hint(error, name), key=is_key)


def _words(error: ErrorDetails) -> str:
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
        return "must not be empty" if context["min_length"] == 1 else f"must have at least {context['min_length']}"
    if kind in ("too_long", "string_too_long"):
        return f"must have at most {context['max_length']}"
    word = _TYPES.get(kind.removesuffix("_type").removesuffix("_attributes"))
    return word or error["msg"].replace("Input should be", "must be")


def _any_of(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _find_hint(error: ErrorDetails, name: str) -> str | None:
    """What mends a value of the wrong type; `name` is the option's."""
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        return "put it in quotes, so that it is a string"
    if error["type"] == "string_type" and isinstance(error["input"], dict) and len(error["input"]) == 1:
        (inner,) = error["input"].values()
        return f"write `{name}: {inner}`" if isinstance(inner, str) and inner.isprintable() else None
    if error["type"] in ("bool_type", "literal_error") and error["input"] in ("yes", "no", "on", "off"):
        return "YAML 1.2 knows true and false only"
    return None


def _options(model: type[BaseModel], location: Route) -> tuple[set[str], dict[str, str]]:
    """The options that the maps at a location may have.

    Where a word chose one branch of a union, those of the other branches come with that word.
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
    """The values that an option with a fixed choice may have."""
    return typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation, within unions and containers too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
