"""What all commands share: the output folder, `--json`, and how errors look."""

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
    typer.Option("--output", envvar="GOLDEN_OUTPUT", help="Folder of templates and caches."),
]
OUTPUT = Path("output")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def output_at(folder: Path) -> Output:
    """The output folder; absolute, since parts of it are handed to other programs."""
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"not a folder: {folder}", hint="--output or GOLDEN_OUTPUT names the folder of templates")
    return Output(folder.absolute())


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(text: str) -> None:
    """Talk, on stderr."""
    print(text, file=sys.stderr)


def show_warning(error: GoldenError) -> None:
    """An error that does not keep a command from going on."""
    print(f"warning: {error}", file=sys.stderr)


def show_error(error: GoldenError) -> None:
    """An error as talk on stderr: `error: ` and then what, where, why, and the hint."""
    print(f"error: {error}", file=sys.stderr)
