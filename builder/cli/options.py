"""What all commands share: the output folder, `--json`, template references and error messages."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from builder.errors import GoldenError, RequestError
from builder.paths import Output

OutputFolder = Annotated[
    Path,
    typer.Option("--output", envvar="GOLDEN_OUTPUT", help="Folder that holds templates and caches."),
]
OUTPUT = Path("output")

TemplateReference = Annotated[
    str, typer.Argument(metavar="TEMPLATE", help="Template version: NAME for the latest, NAME@CHANNEL or NAME:VERSION.")
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def output_at(folder: Path) -> Output:
    """The output folder, as an absolute path: other programs get paths below it. Raises RequestError."""
    if folder.exists() and not folder.is_dir():
        raise RequestError(
            f"the output folder is not a folder: {folder}",
            hint="set --output or GOLDEN_OUTPUT to the folder that holds your templates",
        )
    return Output(folder.absolute())


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def on_terminal() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(text: str) -> None:
    """Print a message on stderr; stdout is for data."""
    print(text, file=sys.stderr)


def show_warning(error: GoldenError) -> None:
    """Print an error after which the command continues."""
    print(f"warning: {error}", file=sys.stderr)


def show_error(error: GoldenError) -> None:
    """Print an error on stderr: `error: `, then what, where, why, and the hint."""
    print(f"error: {error}", file=sys.stderr)
