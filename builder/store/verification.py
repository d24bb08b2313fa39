"""The result of booting a version, kept beside the version, which never changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from builder import files
from builder.store.manifest import ManifestPart


class CheckResult(ManifestPart):
    """One check, and its result in one line, followed by details if it failed."""

    name: str
    ok: bool
    message: str


class CloneReport(ManifestPart):
    """One of the booted clones.

    `seconds` is the time until its login prompt, `facts` what it reported about itself, `tail` the end of its console
    output, and `trouble` the reason why it did not come up.
    """

    seconds: float | None = None
    trouble: str | None = None
    facts: Mapping[str, str] = Field(default_factory=dict)
    tail: str = ""


class Verification(ManifestPart):
    """The result of booting two clones. `when` is in ISO 8601, `accelerator` kvm or tcg."""

    model_config = ConfigDict(extra="ignore")  # such as `passed`, which follows from the checks

    when: str
    seconds: float
    accelerator: str
    checks: tuple[CheckResult, ...]
    clones: tuple[CloneReport, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check passed; without any check nothing is proven."""
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
    """The result in a folder; None if there is none or it cannot be read."""
    try:
        return Verification.model_validate(files.read_json(folder / RESULT))
    except ValidationError:
        return None


def keep(folder: Path, found: Verification, consoles: Sequence[bytes]) -> None:
    """Replace the result in a folder. It is written last: until then there is none. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    for number, console in enumerate(consoles, 1):
        files.write(folder / f"console-{number}.log", console)
    files.write(folder / RESULT, json.dumps(found.to_json(), indent=2, ensure_ascii=False) + "\n")
