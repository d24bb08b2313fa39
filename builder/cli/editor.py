"""A person with an editor, on their own terminal."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from builder import process
from builder.errors import RequestError


def edit_text(text: str, suffix: str) -> str:
    """What $VISUAL, $EDITOR or vi makes of a text, in a file that ends in `suffix`.

    Raises RequestError when there is no such editor, or it fails.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        file = Path(folder, f"edit{suffix}")
        file.write_text(text, newline="")
        status = process.run_attached(["sh", "-c", f'{command} "$1"', "sh", str(file)])
        if status != 0:
            raise RequestError(
                "the editor failed; nothing is changed",
                details=f"{command} exited with status {status}",
                hint="VISUAL or EDITOR names the editor" if status == 127 else None,
            )
        try:
            return file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError("what the editor wrote cannot be read", details=str(error)) from error


def keep_text(text: str, name: str, suffix: str) -> Path:
    """A new file of that text, for what somebody wrote and would not want to write again."""
    descriptor, path = tempfile.mkstemp(prefix=f"golden-{name}-", suffix=suffix)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
    return Path(path)
