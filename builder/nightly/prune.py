"""Pruning at the end of a nightly run: `golden prune` in a child process, because it connects to hypervisors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import GoldenError, HostError
from builder.nightly.child import exit_code_for, read_error, read_result
from builder.nightly.report import PruneOutcome
from builder.nightly.schedule import STOP_TIMEOUT
from builder.paths import Output
from builder.process import Child


@dataclass(frozen=True, slots=True)
class KeepRules:
    """The versions to keep although nothing uses them; see `golden prune`."""

    last: int = 3
    days: int | None = None
    channels: Sequence[str] = ()

    @property
    def options(self) -> list[str]:
        days = [] if self.days is None else ["--keep-days", str(self.days)]
        return ["--keep-last", str(self.last), *days, *(f"--keep-channel={channel}" for channel in self.channels)]


def prune(golden: Sequence[str], keep: KeepRules, templates: Sequence[str], output: Output, run: Path) -> PruneOutcome:
    """Remove unneeded versions of those templates; the log is in `run`, the folder of the run."""
    if not templates:
        return PruneOutcome()
    # The name of a template cannot begin with an underscore.
    result, log = run / "_prune.json", run / "_prune.log"
    command = [*golden, "prune", "--yes", "--json", *keep.options, *templates]
    try:
        child = Child(command, stdout=result, stderr=log, env={"GOLDEN_OUTPUT": str(output.root)})
        try:
            status = child.wait()
        except BaseException:
            child.ask_to_end()
            child.end(STOP_TIMEOUT)
            raise
        if status:
            return PruneOutcome(error=read_error(log, status), exit_code=exit_code_for(status))
        return read_outcome(read_result(result))
    except GoldenError as error:
        return PruneOutcome(error=str(error), exit_code=error.exit_code)
    except OSError as error:
        return PruneOutcome(error=str(error), exit_code=HostError.exit_code)


def read_outcome(result: dict[str, Any]) -> PruneOutcome:
    """The outcome in the output of `golden prune --json`. Raises HostError."""
    try:
        removed = [f"{row['template']}:{row['version']}" for row in result["versions"] if row["action"] == "remove"]
        return PruneOutcome(versions=tuple(removed), freed=result["bytes"])
    except (KeyError, TypeError, ValueError) as error:
        raise HostError("`golden prune` printed an invalid result", details=repr(error)) from error
