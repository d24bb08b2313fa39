"""What golden's own processes tell of themselves: a JSON document on stdout, an error at the end of stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from builder.errors import BuildError, HostError, InUseError, RequestError, VerifyError, tail

CODES = frozenset(error.exit_code for error in (RequestError, HostError, BuildError, VerifyError, InUseError))


def read_result(path: Path) -> dict[str, Any]:
    """What one printed with --json. Raises HostError."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise HostError(
            "golden's own process did not say what it came to", where=str(path), details=str(error)
        ) from error
    if not isinstance(value, dict):
        raise HostError("golden's own process said something else than what it came to", where=str(path))
    return value


def status_of(status: int) -> int:
    """The exit code to pass on: one that golden has, also for a process that was killed."""
    return status if status in CODES else BuildError.exit_code


def reason_in(log: Path, status: int) -> str:
    """The error that one ended with, from its place to its hint; else the end of what it said. Raises OSError."""
    said = log.read_text(errors="replace")
    _, mark, error = f"\n{said}".rpartition("\nerror: ")
    if mark:
        return error.strip()
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return f"it {how}\n{tail(said)}".strip()
