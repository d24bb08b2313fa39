"""Variables in the strings of a recipe and in its templates: Jinja2, in a sandbox, undefined ones an error."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from builder.errors import did_you_mean


class RenderError(ValueError):
    """A template that cannot be rendered."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class _Environment(ImmutableSandboxedEnvironment):
    # `"x" * 10**10` would take all memory.
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        raise SecurityError(f"the operator {operator} has no use in a recipe")


@functools.cache
def environment() -> ImmutableSandboxedEnvironment:
    """The one environment that templates are rendered in."""
    made = _Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    # A recipe renders to the same text every time: no random choice, no state.
    made.globals.clear()
    del made.filters["random"]
    return made


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


class Renderer:
    """Renders texts with the variables of one recipe."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = dict(variables)
        self._known: dict[str, str | RenderError] = {}

    def __call__(self, text: str) -> str:
        """The text with its variables filled in; a text without templates stays as it is. Raises RenderError."""
        if not is_template(text):
            return text
        # Aliases repeat texts, and compiling one is slow.
        if text not in self._known:
            self._known[text] = self._render(text)
        rendered = self._known[text]
        if isinstance(rendered, RenderError):
            raise rendered
        return rendered

    def _render(self, text: str) -> str | RenderError:
        try:
            return environment().from_string(text).render(self._variables)
        except UndefinedError as error:
            return RenderError(explain_undefined(error, self._variables))
        except TemplateSyntaxError as error:
            hint = "text that only looks like a template goes between {% raw %} and {% endraw %}"
            return RenderError(f"not a valid template: {(error.message or '').rstrip('.')}", hint)
        except Exception as error:  # a template's expressions raise what Python's would
            return RenderError(f"the template cannot be rendered: {error or type(error).__name__}")


def explain_undefined(error: UndefinedError, variables: Mapping[str, Any]) -> str:
    """What of a template is undefined, in plain words."""
    name = find_undefined(error)
    if name is None or name in variables:
        return f"the template cannot be rendered: {error}"
    return f'undefined variable "{name}"{did_you_mean(name, variables)}'


def find_undefined(error: UndefinedError) -> str | None:
    """The name of the variable that a template uses and nobody set; None where it is something else's attribute."""
    found = re.fullmatch(r"'([^']+)' is undefined", str(error))
    return found[1] if found else None
