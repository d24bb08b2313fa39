"""One night: all recipes of a folder, and a report of what became of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder import files
from builder.errors import HostError, RequestError
from builder.events import Emit, Notice
from builder.nightly.folder import NightlyFolder
from builder.nightly.image import ImageBuilds, NightOrder
from builder.nightly.page import to_html
from builder.nightly.prune import KeepRules, prune
from builder.nightly.report import PruneOutcome, RecipeOutcome, Report, find_report, last_successes, plain
from builder.nightly.schedule import carry_out
from builder.nightly.text import to_text
from builder.paths import Output
from builder.recipe.graph import RecipeSummary, find_cycle, read_folder
from builder.store import Store


@dataclass(frozen=True, slots=True)
class Night:
    """What is done: `at_once` builds side by side; with `keep` the rest is pruned then.

    `report` and `metrics` are other places to tell it.
    """

    recipes: Path
    order: NightOrder
    at_once: int = 1
    keep: KeepRules | None = None
    report: Path | None = None
    metrics: Path | None = None


def run_night(night: Night, output: Output, emit: Emit) -> Report:
    """Refresh, build, verify and promote every recipe, then prune, and write the report.

    What fails is in the report, and keeps only what stands on it from being built. Raises InUseError where
    another night runs, RequestError or HostError for a folder without recipes, or places that cannot be written.
    """
    folder = NightlyFolder(output.nightly)
    kins = read_recipes(night.recipes)
    with folder.held():
        require_writable(night)
        began, begun = datetime.now(UTC), time.monotonic()
        run = folder.make_run(began)
        before = last_successes(find_report(folder.last_report))
        twins = {kin.name: [other for other in kins if other.name == kin.name] for kin in kins}
        done = carry_out(graph_of(kins), ImageBuilds(night.order, output, run, emit, twins), night.at_once)
        remember(night.order, emit)
        pruned = prune_all(night, kins, output, run) if night.keep else None
        report = Report(
            run=run.name,
            folder=str(night.recipes.absolute()),
            host=socket.gethostname(),
            began=began.timestamp(),
            seconds=time.monotonic() - begun,
            images=tuple(dated(done[kin], before) for kin in kins),
            pruned=pruned,
        )
        tell(report, night, folder, run)
        folder.forget_old(run)
    return report


def read_recipes(folder: Path) -> list[RecipeSummary]:
    """The recipes of a folder, also those that nobody can read. Raises RequestError where there is none, HostError."""
    kindred = read_folder(folder)
    # Most are called like their files; what is sure to be another recipe's name is not this one's.
    unreadable = [
        RecipeSummary(file, file.name if kindred.named(file.stem) else file.stem) for file in kindred.unreadable
    ]
    kins = sorted([*kindred.recipes, *unreadable], key=lambda kin: kin.file.name)
    if not kins:
        raise RequestError(f"there are no recipes in {folder}", hint="name the folder that has them")
    return kins


def graph_of(kins: Sequence[RecipeSummary]) -> dict[RecipeSummary, list[RecipeSummary]]:
    """Each recipe, and those that must come before it.

    A version that is named stays what it is, whatever is built. Recipes of a circle are refused one by
    one, and need no order.
    """
    return {kin: [] if kin in find_cycle(kin, kins) else parents(kin, kins) for kin in kins}


def parents(kin: RecipeSummary, kins: Sequence[RecipeSummary]) -> list[RecipeSummary]:
    parent = kin.parent
    return [other for other in kins if parent and not parent.version and other.name == parent.template]


def prune_all(night: Night, kins: Sequence[RecipeSummary], output: Output, run: Path) -> PruneOutcome:
    """Prune the templates of these recipes, and of no others."""
    assert night.keep
    known = Store(output.templates).templates()
    templates = [name for name in dict.fromkeys(kin.name for kin in kins) if name in known]
    return prune(night.order.golden, night.keep, templates, output, run)


def dated(image: RecipeOutcome, before: dict[str, float]) -> RecipeOutcome:
    """An image with the time of its last success: now, or what an earlier night tells."""
    last = time.time() if image.good else before.get(plain(image.template))
    return image.model_copy(update={"last_success": last})


def require_writable(night: Night) -> None:
    """Find out in the evening, not in the morning. Raises HostError."""
    for folder in filter(None, (night.report, night.metrics and night.metrics.parent)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(f"the folder cannot be made: {folder}", details=str(error)) from error


def remember(order: NightOrder, emit: Emit) -> None:
    """Keep what servers said, so that the next night they need not say it again."""
    try:
        if order.refresh.upstream:
            order.refresh.upstream.save()
    except OSError as error:
        emit(Notice(f"what servers said cannot be kept: {error}", warning=True))


def tell(report: Report, night: Night, folder: NightlyFolder, run: Path) -> None:
    """Write the report wherever it is wanted. Raises HostError."""
    documents = {"report.txt": to_text(report), "report.html": to_html(report), "report.json": report.to_text()}
    folder.publish(run, documents)
    try:
        if night.report:
            for name, text in documents.items():
                files.write(night.report / name, text)
        if night.metrics:
            from builder.nightly.metrics import to_metrics  # prometheus_client is not cheap to load

            files.write(night.metrics, to_metrics(report))
    except OSError as error:
        raise HostError("the report cannot be written", details=str(error)) from error
