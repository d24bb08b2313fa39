"""Variables in the strings of a recipe: Jinja2, in a sandbox, where an undefined variable is an error."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, meta
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
def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    # A recipe renders to the same text every time: no random choice, no state.
    environment.globals.clear()
    del environment.filters["random"]
    return environment


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
            return _environment().from_string(text).render(self._variables)
        except UndefinedError as error:
            return RenderError(self._explain(text, error))
        except TemplateSyntaxError as error:
            hint = "text that only looks like a template goes between {% raw %} and {% endraw %}"
            return RenderError(f"not a valid template: {(error.message or '').rstrip('.')}", hint)
        except Exception as error:  # a template's expressions raise what Python's would
            return RenderError(f"the template cannot be rendered: {error or type(error).__name__}")

    def _explain(self, text: str, error: UndefinedError) -> str:
        unknown = meta.find_undeclared_variables(_environment().parse(text)) - self._variables.keys()
        name = next((name for name in sorted(unknown) if f"'{name}'" in str(error)), None)
        if name is None:
            return f"the template cannot be rendered: {error}"
        return f'undefined variable "{name}"{did_you_mean(name, self._variables)}'
