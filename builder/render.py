"""Rendering the strings of a recipe and its templates: sandboxed Jinja2, in which an undefined variable is an error."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from builder.errors import did_you_mean

RAW_HINT = "put text that only looks like a template between {% raw %} and {% endraw %}"


class RenderError(ValueError):
    """A template that cannot be rendered."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class _Environment(ImmutableSandboxedEnvironment):
    # `"x" * 10**10` would use all memory.
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        raise SecurityError(f"the operator {operator} is not allowed in a recipe")


@functools.cache
def environment() -> ImmutableSandboxedEnvironment:
    """The environment in which all templates are rendered."""
    sandbox = _Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    # A recipe must render to the same text every time: without random choices or state.
    sandbox.globals.clear()
    del sandbox.filters["random"]
    return sandbox


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


class Renderer:
    """Renders strings with the variables of one recipe."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = dict(variables)
        self._results: dict[str, str | RenderError] = {}

    def __call__(self, text: str) -> str:
        """Render a text; one without templates is returned as it is. Raises RenderError."""
        if not is_template(text):
            return text
        # Aliases repeat texts, and compiling is slow.
        if text not in self._results:
            self._results[text] = self._render(text)
        rendered = self._results[text]
        if isinstance(rendered, RenderError):
            raise rendered
        return rendered

    def _render(self, text: str) -> str | RenderError:
        try:
            return environment().from_string(text).render(self._variables)
        except UndefinedError as error:
            return RenderError(explain_undefined(error, self._variables), find_undefined_hint(error))
        except TemplateSyntaxError as error:
            return RenderError(f"invalid template: {(error.message or '').rstrip('.')}", RAW_HINT)
        except Exception as error:  # expressions raise the same exceptions as in Python
            return RenderError(f"cannot render the template: {str(error).rstrip('.') or type(error).__name__}")


def explain_undefined(error: UndefinedError, variables: Mapping[str, Any]) -> str:
    """A message that says what is undefined."""
    name = find_undefined(error)
    if name is None or name in variables:
        return f"cannot render the template: {str(error).rstrip('.')}"
    return f'undefined variable "{name}"{did_you_mean(name, variables)}'


def find_undefined_hint(error: UndefinedError) -> str | None:
    """How to correct an undefined variable; None if an attribute is undefined instead."""
    return "define it in `vars:`, or correct its name" if find_undefined(error) else None


def find_undefined(error: UndefinedError) -> str | None:
    """The name of the undefined variable; None if an attribute is undefined instead."""
    found = re.fullmatch(r"'([^']+)' is undefined", str(error))
    return found[1] if found else None
