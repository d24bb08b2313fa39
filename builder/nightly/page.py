"""A report as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import functools

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
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"duration": duration, "size": format_size, "moved": describe, "mark": mark_of, "shown": shown}
    return made


def shown(text: str) -> str:
    """A text without what HTML does not allow in it, control characters."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text)


def to_html(report: Report) -> str:
    return environment().get_template("report.html.j2").render(report=report)
