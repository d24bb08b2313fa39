"""libvirt's XML, written by templates that escape what they are given."""

from __future__ import annotations

import functools
import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from builder.errors import RequestError

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to say, escaped or not."""


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
    """Fill in one of our templates. Raises jinja2.UndefinedError when a value is missing."""
    return _environment().get_template(f"{template}.xml.j2").render(values)


def render_text(template: str, /, **values: object) -> str:
    """Fill in a template that came with a version: in a sandbox, and escaped as well."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(values)


def check_text(value: str, what: str) -> str:
    """The text, if XML can hold it. Raises RequestError."""
    if found := ILLEGAL.search(value):
        raise RequestError(f"{what} has a character that XML cannot hold: {found[0]!r}")
    return value
