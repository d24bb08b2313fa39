"""XML for libvirt, rendered from templates that escape all values."""

from __future__ import annotations

import functools
import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from builder.errors import RequestError

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot contain, escaped or not."""


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("builder.hypervisor", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, /, **values: object) -> str:
    """Render one of golden's templates. Raises jinja2.UndefinedError if a value is missing."""
    return _environment().get_template(f"{template}.xml.j2").render(values)


def render_text(template: str, /, **values: object) -> str:
    """Render a template that came with a version: in a sandbox, with escaping.

    Raises jinja2.UndefinedError if a value is missing.
    """
    environment = ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(values)


def check_text(value: str, what: str) -> str:
    """The text, if XML can contain it; `what` names it in the message. Raises RequestError."""
    if found := ILLEGAL.search(value):
        raise RequestError(f"{what} contains a character that XML does not allow: {found[0]!r}")
    return value
