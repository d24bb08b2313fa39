"""Messages between a build and the process that runs its installer: an order in, events and an error out."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from builder.errors import BuildError, GoldenError, HostError, RequestError
from builder.events import Event, Notice, OutputLine
from builder.installer.order import InstallLimits, InstallOrder

ERRORS = (RequestError, BuildError, HostError)
"""The errors that the process reports; a subclass arrives as one of these."""


def order_to_json(order: InstallOrder) -> dict[str, Any]:
    """The order without the files to inject: the initrd already contains them."""
    values = {field.name: getattr(order, field.name) for field in fields(order)}
    return {
        **{name: str(value) if isinstance(value, Path) else value for name, value in values.items()},
        "inject": {},
        "media": [str(medium) for medium in order.media],
        "limits": asdict(order.limits),
    }


def order_from_json(values: dict[str, Any]) -> InstallOrder:
    paths = {name: Path(values[name]) for name in ("kernel", "initrd", "disk", "work")}
    media = tuple(Path(medium) for medium in values["media"])
    limits = InstallLimits(**values["limits"])
    return InstallOrder(
        **{**values, **paths, "media": media, "arguments": tuple(values["arguments"]), "limits": limits}
    )


def encode(message: Event | GoldenError) -> str:
    """One line for an event, or for the error at the end."""
    match message:
        case OutputLine(line):
            return json.dumps({"output": line})
        case Notice(text, warning):
            return json.dumps({"notice": text, "warning": warning})
        case GoldenError():
            kind = next((each.__name__ for each in ERRORS if isinstance(message, each)), HostError.__name__)
            return json.dumps(
                {"error": kind, "message": message.message, "details": message.details, "hint": message.hint}
            )
    raise TypeError(f"cannot send {type(message).__name__}")


def decode(line: str) -> Event | GoldenError:
    """The message in a line; any other line is output of a library."""
    try:
        values = json.loads(line)
    except ValueError:
        return OutputLine(line)
    match values:
        case {"output": str(text)}:
            return OutputLine(text)
        case {"notice": str(text), "warning": bool(warning)}:
            return Notice(text, warning)
        case {"error": str(kind), "message": str(message), "details": details, "hint": hint}:
            known = {each.__name__: each for each in ERRORS}
            return known.get(kind, HostError)(message, details=details, hint=hint)
    return OutputLine(line)
