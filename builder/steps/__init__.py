"""The steps of a recipe, one module each. Every module of this folder is searched for steps."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re

from builder.steps.step import Step

__all__ = ["Step", "registry"]

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@functools.cache
def registry() -> dict[str, type[Step]]:
    """Return every step class by its name, sorted. Raises TypeError for a step with an invalid declaration."""
    found: dict[str, type[Step]] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name == "step":
            continue
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Step) and value.__module__ == loaded.__name__:
                _check_declaration(value, found)
                found[value.step_name] = value
    return dict(sorted(found.items()))


def _check_declaration(step: type[Step], found: dict[str, type[Step]]) -> None:
    where = f"{step.__module__}.{step.__name__}"
    if not NAME.fullmatch(step.step_name):
        raise TypeError(f"{where}: {step.step_name!r} is not kebab-case")
    if step.step_name in found:
        raise TypeError(f"{where}: the name {step.step_name!r} is already used by {found[step.step_name].__module__}")
    if not step.heading().endswith("."):
        raise TypeError(f"{where}: the docstring needs a one-line heading that ends in a full stop")
    if step.shorthand is not None and step.shorthand not in step.model_fields:
        raise TypeError(f"{where}: the shorthand {step.shorthand!r} is not a field")
    for name, field in step.model_fields.items():
        if not field.description:
            raise TypeError(f"{where}: the field {name!r} has no description")
