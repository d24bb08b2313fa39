"""A report as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from builder.nightly.report import Report
from builder.nightly.text import describe, duration, mark_of
from builder.sizes import format_size


@functools.cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("builder.nightly", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"duration": duration, "size": format_size, "moved": describe, "mark": mark_of}
    return made


def shown(value: Any) -> Any:
    """A value without what HTML does not allow in a text, control characters."""
    if not isinstance(value, str):
        return value
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in value)


def to_html(report: Report) -> str:
    return environment().get_template("report.html.j2").render(report=report)
