"""The report of a nightly run, recipe by recipe, as it is stored in report.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from builder import __version__, files
from builder.errors import RequestError

State = Literal["unchanged", "rebuilt", "failed", "unverified", "skipped"]
STATES: tuple[State, ...] = get_args(State)

WORDS: dict[State, str] = {
    "unchanged": "unchanged",
    "rebuilt": "rebuilt",
    "failed": "failed",
    "unverified": "failed verification",
    "skipped": "skipped",
}
"""The states in words."""

GOOD = frozenset[State]({"unchanged", "rebuilt"})

BY_SEVERITY: tuple[State, ...] = ("failed", "unverified", "skipped", "rebuilt", "unchanged")
"""All states, the worst first."""


def plain(text: str) -> str:
    """A text that can be written as UTF-8; file names may contain other bytes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


Text = Annotated[str, AfterValidator(plain)]


class ReportPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class UpstreamChange(ReportPart):
    """A change of an index upstream: `url`, used by `step`, and its digests, None if unknown."""

    url: Text
    step: Text
    before: Text | None = None
    after: Text | None = None


class PackageUpdate(ReportPart):
    """An added, removed or changed package; `before` and `after` are its versions."""

    name: Text
    arch: Text = ""
    before: Text | None = None
    after: Text | None = None


class ActionTiming(ReportPart):
    """One action of a build."""

    title: Text
    status: str
    seconds: float = 0.0
    reason: Text = ""


class RecipeOutcome(ReportPart):
    """The outcome of one recipe.

    `before` is the version that `latest` pointed to before the run, `after` the one afterwards, or the one that
    failed its verification. `console` has the last lines of that version's console.
    """

    recipe: Text
    template: Text
    state: State
    exit_code: int = 0
    before: str | None = None
    after: str | None = None
    why: tuple[Text, ...] = ()
    moved: tuple[UpstreamChange, ...] = ()
    warnings: tuple[Text, ...] = ()
    packages: tuple[PackageUpdate, ...] = ()
    error: Text | None = None
    console: tuple[Text, ...] = ()
    actions: tuple[ActionTiming, ...] = ()
    seconds: float = 0.0
    promoted: tuple[Text, ...] = ()
    bytes: int | None = None
    log: Text | None = None
    last_success: float | None = None
    """The time of its last success, in this run or before; seconds since 1970."""

    def with_facts(self, **facts: Any) -> RecipeOutcome:
        """A validated copy with other facts."""
        return RecipeOutcome.model_validate(self.model_dump() | facts)

    @property
    def good(self) -> bool:
        return self.state in GOOD

    @property
    def word(self) -> str:
        return WORDS[self.state]


class PruneOutcome(ReportPart):
    """The outcome of pruning: the removed versions, and the error if it failed."""

    versions: tuple[Text, ...] = ()
    freed: int = 0
    error: Text | None = None
    exit_code: int = 0


class Report(ReportPart):
    """One run. `began` is its start in seconds since 1970, `run` the name of its folder."""

    run: str
    folder: Text
    host: Text
    began: float
    seconds: float
    images: tuple[RecipeOutcome, ...]
    pruned: PruneOutcome | None = None
    builder: str = __version__

    @property
    def exit_code(self) -> int:
        """The highest exit code of all; 0 if everything succeeded."""
        return max([image.exit_code for image in self.images] + [self.pruned.exit_code if self.pruned else 0])

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.began, UTC)

    @property
    def counts(self) -> dict[State, int]:
        """The number of recipes in each state, without empty states."""
        found = {state: sum(image.state == state for image in self.images) for state in BY_SEVERITY}
        return {state: count for state, count in found.items() if count}

    @property
    def warnings(self) -> list[str]:
        """All warnings, each once."""
        return list(dict.fromkeys(warning for image in self.images for warning in image.warnings))

    @property
    def by_severity(self) -> list[RecipeOutcome]:
        return sorted(self.images, key=lambda image: BY_SEVERITY.index(image.state))

    @property
    def title(self) -> str:
        """One line: the number of recipes in each state."""
        counted = ", ".join(f"{count} {WORDS[state]}" for state, count in self.counts.items())
        recipes = "1 recipe" if len(self.images) == 1 else f"{len(self.images)} recipes"
        return f"{recipes}: {counted}" if counted else recipes

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json") | {"exit_code": self.exit_code}

    def to_text(self) -> str:
        """The text of report.json."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"


def find_report(path: Path) -> Report | None:
    """The report in a file; None if there is none or it is invalid."""
    try:
        return Report.model_validate(files.read_json(path) or {})
    except ValidationError:
        return None


def read_report(path: Path) -> Report:
    """The report in a file. Raises RequestError if there is none."""
    found = find_report(path)
    if found is None:
        raise RequestError(
            "there is no report of a nightly run", where=str(path), hint="run `golden nightly run` first"
        )
    return found


def last_successes(report: Report | None) -> dict[str, float]:
    """The time of each template's last success, as far as a report has it."""
    images: Iterable[RecipeOutcome] = report.images if report else ()
    return {image.template: image.last_success for image in images if image.last_success is not None}
