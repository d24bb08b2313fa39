"""What a night came to, image by image; as it is kept in report.json."""

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
"""How people are told of a state."""

GOOD = frozenset[State]({"unchanged", "rebuilt"})

GRAVE: tuple[State, ...] = ("failed", "unverified", "skipped", "rebuilt", "unchanged")
"""All states, those first that somebody must look at."""


def plain(text: str) -> str:
    """A text that can be written as UTF-8: names of files may hold other bytes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


Text = Annotated[str, AfterValidator(plain)]


class ReportPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class UpstreamChange(ReportPart):
    """Something upstream that is not what it was: `url`, seen by `step`. Digests; None where there is none."""

    url: Text
    step: Text
    before: Text | None = None
    after: Text | None = None


class PackageUpdate(ReportPart):
    """A package that came, went or changed: `before` and `after` are its versions."""

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
    """What became of one recipe.

    `before` is the version that `latest` was in the evening, `after` the one that it is in the morning, or
    that failed its verification. `console` is what a machine of such a one printed last.
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
    """When it last went well, this night or before; seconds since 1970."""

    def but(self, **facts: Any) -> RecipeOutcome:
        """The same with other facts, checked like all."""
        return RecipeOutcome.model_validate(self.model_dump() | facts)

    @property
    def good(self) -> bool:
        return self.state in GOOD

    @property
    def word(self) -> str:
        return WORDS[self.state]


class PruneOutcome(ReportPart):
    """What pruning came to: the versions that are gone, and why it went no further."""

    versions: tuple[Text, ...] = ()
    freed: int = 0
    error: Text | None = None
    exit_code: int = 0


class Report(ReportPart):
    """One run. `began` is its beginning, in seconds since 1970; `run` the name of its folder."""

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
        """The worst of all; 0 when all went well."""
        return max([image.exit_code for image in self.images] + [self.pruned.exit_code if self.pruned else 0])

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.began, UTC)

    @property
    def counts(self) -> dict[State, int]:
        """How many images are in each state, without those that none is in."""
        found = {state: sum(image.state == state for image in self.images) for state in GRAVE}
        return {state: count for state, count in found.items() if count}

    @property
    def warnings(self) -> list[str]:
        """What somebody should know, each once."""
        return list(dict.fromkeys(warning for image in self.images for warning in image.warnings))

    @property
    def by_gravity(self) -> list[RecipeOutcome]:
        return sorted(self.images, key=lambda image: GRAVE.index(image.state))

    @property
    def title(self) -> str:
        """One line: how many of which."""
        counted = ", ".join(f"{count} {WORDS[state]}" for state, count in self.counts.items())
        recipes = "1 recipe" if len(self.images) == 1 else f"{len(self.images)} recipes"
        return f"{recipes}: {counted}" if counted else recipes

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json") | {"exit_code": self.exit_code}

    def to_text(self) -> str:
        """As it is kept in report.json."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"


def find_report(path: Path) -> Report | None:
    """The report in a file; None where there is none, or nobody can read it."""
    try:
        return Report.model_validate(files.read_json(path) or {})
    except ValidationError:
        return None


def read_report(path: Path) -> Report:
    """Raises RequestError where there is none."""
    found = find_report(path)
    if found is None:
        hint = "`golden nightly run` makes one"
        raise RequestError("there is no report of a night", where=str(path), hint=hint)
    return found


def last_successes(report: Report | None) -> dict[str, float]:
    """When each template last went well, as far as a report knows."""
    images: Iterable[RecipeOutcome] = report.images if report else ()
    return {image.template: image.last_success for image in images if image.last_success is not None}
