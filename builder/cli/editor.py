"""Lets the user edit a text in their own editor."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from builder import process
from builder.cli.options import on_terminal, show_error
from builder.errors import RequestError


def edit_file(file: Path) -> None:
    """Open a file in $VISUAL, $EDITOR or vi. Raises RequestError if the editor is missing or fails."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    status = process.run_attached(["sh", "-c", f'{command} "$1"', "sh", str(file)])
    if status != 0:
        raise RequestError(
            "the editor failed; nothing was changed",
            details=f"{command} exited with status {status}",
            hint="set VISUAL or EDITOR to an installed editor" if status == 127 else None,
        )


def edit_text(text: str, suffix: str) -> str:
    """The text as the user edited it, in a temporary file that ends in `suffix`. Raises RequestError."""
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        file = Path(folder, f"edit{suffix}")
        file.write_text(text, newline="")
        edit_file(file)
        try:
            return file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(
                "cannot read the edited text; nothing was changed",
                details=str(error),
                hint="save it in UTF-8, and in the file that the editor opened",
            ) from error


def edit_until_valid(before: str, name: str, apply: Callable[[str], object]) -> bool:
    """Let the user edit XML, and apply it. False if they changed nothing.

    If the XML is invalid, offers to edit it again. If the user declines, or nobody can answer, keeps
    the text in a file and raises RequestError.
    """
    text = before
    while True:
        text = edit_text(text, ".xml")
        if text == before:
            return False
        try:
            apply(text)
        except RequestError as error:
            show_error(error)
            if on_terminal() and typer.confirm("edit it again?", default=True, err=True):
                continue
            kept = keep_text(text, name, ".xml")
            raise RequestError(f"{name} was not changed", hint=f"your edited text is saved in {kept}") from error
        return True


def keep_text(text: str, name: str, suffix: str) -> Path:
    """Save a text in a new file, so that the user need not write it again."""
    descriptor, path = tempfile.mkstemp(prefix=f"golden-{name}-", suffix=suffix)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
    return Path(path)
