"""A nightly run: all recipes of a folder, and a report of the results."""

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
from builder.nightly.schedule import run_tasks
from builder.nightly.text import to_text
from builder.paths import Output
from builder.recipe.graph import RecipeSummary, find_cycle, read_folder
from builder.store import Store


@dataclass(frozen=True, slots=True)
class Night:
    """The settings of a nightly run: `at_once` builds run in parallel; with `keep`, old versions are pruned.

    `report` is another folder for the report, `metrics` a file for the metrics.
    """

    recipes: Path
    order: NightOrder
    at_once: int = 1
    keep: KeepRules | None = None
    report: Path | None = None
    metrics: Path | None = None


def run_night(night: Night, output: Output, emit: Emit) -> Report:
    """Refresh, build, verify and promote every recipe, then prune, and write the report.

    Failures are reported; a failed recipe stops only the recipes that are based on it. Raises InUseError if another
    run is running, RequestError for a folder without recipes, HostError for folders that cannot be read or written.
    """
    folder = NightlyFolder(output.nightly)
    recipes = read_recipes(night.recipes)
    with folder.held():
        require_writable(night)
        began, started = datetime.now(UTC), time.monotonic()
        run = folder.make_run(began)
        before = last_successes(find_report(folder.last_report))
        namesakes = {recipe.name: [other for other in recipes if other.name == recipe.name] for recipe in recipes}
        done = run_tasks(graph_of(recipes), ImageBuilds(night.order, output, run, emit, namesakes), night.at_once)
        save_upstream(night.order, emit)
        pruned = prune_all(night, recipes, output, run) if night.keep else None
        report = Report(
            run=run.name,
            folder=str(night.recipes.absolute()),
            host=socket.gethostname(),
            began=began.timestamp(),
            seconds=time.monotonic() - started,
            images=tuple(add_last_success(done[recipe], before) for recipe in recipes),
            pruned=pruned,
        )
        write_report(report, night, folder, run)
        folder.remove_old(run)
    return report


def read_recipes(folder: Path) -> list[RecipeSummary]:
    """The recipes of a folder, including unreadable ones. Raises RequestError if there are none, and HostError."""
    recipe_folder = read_folder(folder)
    # Guess the name of an unreadable recipe by its file, unless another recipe has that name.
    unreadable = [
        RecipeSummary(file, file.name if recipe_folder.named(file.stem) else file.stem)
        for file in recipe_folder.unreadable
    ]
    recipes = sorted([*recipe_folder.recipes, *unreadable], key=lambda recipe: recipe.file.name)
    if not recipes:
        raise RequestError(
            f"there are no recipes in {folder}",
            hint="pass the folder of your recipes, as in `golden nightly run FOLDER`",
        )
    return recipes


def graph_of(recipes: Sequence[RecipeSummary]) -> dict[RecipeSummary, list[RecipeSummary]]:
    """The recipes to build before each recipe.

    A parent with a fixed version needs no build. Recipes in a cycle fail one by one, and need no order.
    """
    return {recipe: [] if recipe in find_cycle(recipe, recipes) else parents(recipe, recipes) for recipe in recipes}


def parents(recipe: RecipeSummary, recipes: Sequence[RecipeSummary]) -> list[RecipeSummary]:
    parent = recipe.parent
    return [other for other in recipes if parent and not parent.version and other.name == parent.template]


def prune_all(night: Night, recipes: Sequence[RecipeSummary], output: Output, run: Path) -> PruneOutcome:
    """Prune the templates of these recipes, and no others."""
    assert night.keep
    known = Store(output.templates).templates()
    templates = [name for name in dict.fromkeys(recipe.name for recipe in recipes) if name in known]
    return prune(night.order.golden, night.keep, templates, output, run)


def add_last_success(image: RecipeOutcome, before: dict[str, float]) -> RecipeOutcome:
    """The outcome with the time of its last success: now, or that of an earlier run."""
    last = time.time() if image.good else before.get(plain(image.template))
    return image.model_copy(update={"last_success": last})


def require_writable(night: Night) -> None:
    """Create the folders of the report and metrics before the builds start. Raises HostError and RequestError."""
    if night.metrics:
        check_metrics_file(night.metrics)
    for folder in filter(None, (night.report, night.metrics and night.metrics.parent)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(
                f"cannot create {folder}, the folder for the report or the metrics", details=str(error)
            ) from error


def check_metrics_file(file: Path) -> None:
    """Raise RequestError for a path that metrics must not replace: the file is written anew after every night."""
    if file.suffix != ".prom":
        raise RequestError(f"cannot write metrics to {file}", hint="choose a file name that ends in .prom")
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise RequestError(f"cannot write metrics to {file}: it is not a regular file", hint="choose another file name")


def save_upstream(order: NightOrder, emit: Emit) -> None:
    """Save the answers of servers, so that the next run can make conditional requests."""
    try:
        if order.refresh.upstream:
            order.refresh.upstream.save()
    except OSError as error:
        emit(
            Notice(f"could not save the upstream state, so the next run asks every server again: {error}", warning=True)
        )


def write_report(report: Report, night: Night, folder: NightlyFolder, run: Path) -> None:
    """Write the report to every requested place. Raises HostError."""
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
        raise HostError("cannot write the nightly report or its metrics", details=str(error)) from error
