"""A person with an editor, on their own terminal."""

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
    """Let $VISUAL, $EDITOR or vi have a file. Raises RequestError when there is no such editor, or it fails."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    status = process.run_attached(["sh", "-c", f'{command} "$1"', "sh", str(file)])
    if status != 0:
        raise RequestError(
            "the editor failed; nothing is changed",
            details=f"{command} exited with status {status}",
            hint="VISUAL or EDITOR names the editor" if status == 127 else None,
        )


def edit_text(text: str, suffix: str) -> str:
    """What the editor makes of a text, in a file that ends in `suffix`. Raises RequestError."""
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        file = Path(folder, f"edit{suffix}")
        file.write_text(text, newline="")
        edit_file(file)
        try:
            return file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError("what the editor wrote cannot be read", details=str(error)) from error


def edit_until_right(before: str, name: str, apply: Callable[[str], object]) -> bool:
    """Let XML be edited and applied, again where that is wrong and somebody is there; whether it was changed.

    Raises RequestError for a wrong edit that is not to be edited again; its text is kept.
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
            raise RequestError(f"{name} is unchanged", hint=f"your text is in {kept}") from error
        return True


def keep_text(text: str, name: str, suffix: str) -> Path:
    """A new file of that text, for what somebody wrote and would not want to write again."""
    descriptor, path = tempfile.mkstemp(prefix=f"golden-{name}-", suffix=suffix)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
    return Path(path)
