"""A report as metrics, in Prometheus's text format for the node exporter's textfile folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from builder.nightly.report import BY_SEVERITY, STATES, RecipeOutcome, Report

Sample = tuple[Mapping[str, str], float]


def to_metrics(report: Report) -> str:
    """All of a report that can be watched."""
    registry = CollectorRegistry()

    def add(name: str, text: str, samples: Iterable[Sample]) -> None:
        """A gauge with its samples; nothing if there are none."""
        gauge: Gauge | None = None
        for labels, value in samples:
            gauge = gauge or Gauge(name, text, [*labels], registry=registry)
            (gauge.labels(**labels) if labels else gauge).set(value)

    images = list(worst_of_each(report.images))
    add(
        "golden_nightly_last_run_timestamp_seconds",
        "When the last nightly run ended, in seconds since 1970.",
        [({}, report.began + report.seconds)],
    )
    add(
        "golden_nightly_last_run_success",
        "1 if every recipe of the last nightly run succeeded, else 0.",
        [({}, not report.exit_code)],
    )
    add(
        "golden_nightly_last_run_duration_seconds",
        "Duration of the last nightly run in seconds.",
        [({}, report.seconds)],
    )
    add(
        "golden_template_state",
        "State of a template after the last nightly run: 1 for the state that it is in, 0 for the others.",
        [({"template": image.template, "state": state}, image.state == state) for image in images for state in STATES],
    )
    add(
        "golden_template_last_success_timestamp_seconds",
        "When a nightly run last built and verified a template, or found it unchanged, in seconds since 1970.",
        [({"template": image.template}, image.last_success) for image in images if image.last_success is not None],
    )
    add(
        "golden_template_bytes",
        "Disk space in bytes that a template's latest version takes.",
        [({"template": image.template}, image.bytes) for image in images if image.bytes is not None],
    )
    return generate_latest(registry).decode()


def worst_of_each(images: Iterable[RecipeOutcome]) -> Iterable[RecipeOutcome]:
    """One image of each name, with the gravest state: a label may have one sample, but two recipes may share a name."""
    found: dict[str, RecipeOutcome] = {}
    for image in sorted(images, key=lambda image: BY_SEVERITY.index(image.state)):
        found.setdefault(image.template, image)
    return [found[name] for name in sorted(found)]
