"""What became of booting a version: kept beside it, for a version itself is never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from builder import files
from builder.store.manifest import ManifestPart


class CheckResult(ManifestPart):
    """One thing that was looked at, and in one line (or with the lines that tell why) how it was."""

    name: str
    ok: bool
    message: str


class CloneReport(ManifestPart):
    """One of the clones that were booted: seconds until its login prompt, what it said of itself, its console's end.

    `trouble` is what kept it from coming up.
    """

    seconds: float | None = None
    trouble: str | None = None
    facts: Mapping[str, str] = Field(default_factory=dict)
    tail: str = ""


class Verification(ManifestPart):
    """Two clones' boot. `when` is in ISO 8601, `accelerator` kvm or tcg."""

    model_config = ConfigDict(extra="ignore")  # such as whether it passed, which the checks say

    when: str
    seconds: float
    accelerator: str
    checks: tuple[CheckResult, ...]
    clones: tuple[CloneReport, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all was well; nothing looked at is nothing proven."""
        return bool(self.checks) and not self.failed

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if not check.ok)

    @property
    def word(self) -> str:
        return "verified" if self.passed else "failed"

    def to_json(self) -> dict[str, Any]:
        return {"passed": self.passed, **self.model_dump(mode="json")}


RESULT = "result.json"


def read(folder: Path) -> Verification | None:
    """The result that is kept in a folder; None where there is none, or one that cannot be read."""
    try:
        return Verification.model_validate(files.read_json(folder / RESULT))
    except ValidationError:
        return None


def keep(folder: Path, found: Verification, consoles: Sequence[bytes]) -> None:
    """Replace what is kept in a folder. The result comes last: until then there is none. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    for number, console in enumerate(consoles, 1):
        files.write(folder / f"console-{number}.log", console)
    files.write(folder / RESULT, json.dumps(found.to_json(), indent=2, ensure_ascii=False) + "\n")
