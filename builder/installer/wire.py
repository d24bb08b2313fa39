"""What passes between a build and the process that runs its installer: an order in, events and an error out."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from builder.errors import BuildError, GoldenError, HostError, RequestError
from builder.events import Event, Notice, OutputLine
from builder.installer.order import InstallLimits, InstallOrder

ERRORS = (RequestError, BuildError, HostError)
"""What the process reports; narrower classes arrive as one of these."""


def order_to_json(order: InstallOrder) -> dict[str, Any]:
    """The order without the files to inject: these are in the initrd by then."""
    values = {field.name: getattr(order, field.name) for field in fields(order)}
    return {
        **{name: str(value) if isinstance(value, Path) else value for name, value in values.items()},
        "inject": {},
        "media": [str(medium) for medium in order.media],
        "limits": asdict(order.limits),
    }


def order_from_json(said: dict[str, Any]) -> InstallOrder:
    paths = {name: Path(said[name]) for name in ("kernel", "initrd", "disk", "work")}
    media = tuple(Path(medium) for medium in said["media"])
    limits = InstallLimits(**said["limits"])
    return InstallOrder(**{**said, **paths, "media": media, "arguments": tuple(said["arguments"]), "limits": limits})


def encode(said: Event | GoldenError) -> str:
    """One line for an event, or for the error at the end."""
    match said:
        case OutputLine(line):
            return json.dumps({"output": line})
        case Notice(text, warning):
            return json.dumps({"notice": text, "warning": warning})
        case GoldenError():
            kind = next((each.__name__ for each in ERRORS if isinstance(said, each)), HostError.__name__)
            return json.dumps({"error": kind, "message": said.message, "details": said.details, "hint": said.hint})
    raise TypeError(f"an installer has no {type(said).__name__}")


def decode(line: str) -> Event | GoldenError:
    """What the line says; one that is none of ours is a library's own talk."""
    try:
        said = json.loads(line)
    except ValueError:
        return OutputLine(line)
    match said:
        case {"output": str(text)}:
            return OutputLine(text)
        case {"notice": str(text), "warning": bool(warning)}:
            return Notice(text, warning)
        case {"error": str(kind), "message": str(message), "details": details, "hint": hint}:
            known = {each.__name__: each for each in ERRORS}
            return known.get(kind, HostError)(message, details=details, hint=hint)
    return OutputLine(line)
