"""A report as one self-contained HTML page."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from builder.nightly.report import Report
from builder.nightly.text import describe, duration, mark_of
from builder.sizes import format_size


@functools.cache
def environment() -> Environment:
    result = Environment(
        loader=PackageLoader("builder.nightly", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=replace_control_characters,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result.filters |= {"duration": duration, "size": format_size, "moved": describe, "mark": mark_of}
    return result


def replace_control_characters(value: Any) -> Any:
    """A text with control characters replaced, because HTML does not allow them; other values unchanged."""
    if not isinstance(value, str):
        return value
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in value)


def to_html(report: Report) -> str:
    return environment().get_template("report.html.j2").render(report=report)
