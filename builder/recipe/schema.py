"""The JSON Schema of a recipe, generated from the models, for completion and checks in editors."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from builder import seal
from builder.bases import BASES, Base
from builder.recipe.model import Recipe, SealOptions
from builder.steps import Step, registry

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEMPLATE = r"\{\{|\{%"
"""A string that matches is a template: it can be checked only after rendering, which a schema cannot do."""


def make_schema() -> Schema:
    """The schema of a recipe, with every step and every seal operation."""
    definitions = define([Recipe, *BASES.values(), *registry().values()])
    recipe = definitions.pop(Recipe.__name__)
    definitions = {name: _allow_templates(schema) for name, schema in definitions.items()}
    definitions[Base.__name__] = {"oneOf": [_reference(base) for base in BASES.values()]}
    definitions[Step.__name__] = {
        "description": "A step: a map with one key, the step's name.",
        "type": "object",
        "properties": {name: _step(step, definitions) for name, step in registry().items()},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    for field in definitions[SealOptions.__name__]["properties"].values():
        field["items"] = {"enum": list(seal.registry())}
    return {"$schema": DIALECT, **recipe, "$defs": dict(sorted(definitions.items()))}


def define(models: list[type[BaseModel]]) -> dict[str, Schema]:
    """The schemas of models and of all models that they refer to, by name."""
    _, shared = models_json_schema([(model, "validation") for model in models])
    return {name: _untitled(schema) for name, schema in shared["$defs"].items()}


def _step(step: type[Step], definitions: dict[str, Schema]) -> Schema:
    """The schema of a step's value: its map of options, or the value of its shorthand."""
    full = _reference(step)
    if step.shorthand is None:
        return full
    short = definitions[step.__name__]["properties"][step.shorthand]
    return {"description": inspect.getdoc(step), "anyOf": [short, full]}


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _untitled(schema: Schema) -> Schema:
    """A schema without pydantic's titles, which only repeat the option names."""
    kept = {key: value for key, value in schema.items() if key != "title"}
    if "properties" in kept:
        kept["properties"] = {name: _untitled(option) for name, option in kept["properties"].items()}
    return kept


def _allow_templates(value: Any) -> Any:
    """A schema in which every string with a pattern may be a template instead."""
    if isinstance(value, list):
        return [_allow_templates(item) for item in value]
    if not isinstance(value, dict):
        return value
    allowed = {key: _allow_templates(item) for key, item in value.items()}
    if isinstance(pattern := allowed.get("pattern"), str):
        allowed["pattern"] = f"{pattern}|{TEMPLATE}"
    return allowed
