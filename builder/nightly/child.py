"""The output of golden's child processes: a JSON document on stdout, an error at the end of stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from builder.errors import BuildError, HostError, InUseError, RequestError, VerifyError, tail

CODES = frozenset(error.exit_code for error in (RequestError, HostError, BuildError, VerifyError, InUseError))


def read_result(path: Path) -> dict[str, Any]:
    """The object that a child printed with --json. Raises HostError."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise HostError(
            "a child process of the nightly run printed no valid result", where=str(path), details=str(error)
        ) from error
    if not isinstance(value, dict):
        raise HostError("a child process of the nightly run printed an invalid result", where=str(path))
    return value


def exit_code_for(status: int) -> int:
    """The exit code to report; a killed process, or an unknown status, counts as a failed build."""
    return status if status in CODES else BuildError.exit_code


def read_error(log: Path, status: int) -> str:
    """The error at the end of a log, with its hint; without one, the status and the last lines. Raises OSError."""
    text = log.read_text(errors="replace")
    _, mark, error = f"\n{text}".rpartition("\nerror: ")
    if mark:
        return error.strip()
    how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
    return f"it {how}\n{tail(text)}".strip()
