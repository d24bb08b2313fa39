"""A report as metrics, in Prometheus's text format for the node exporter's textfile folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from builder.nightly.report import GRAVE, STATES, RecipeOutcome, Report

Sample = tuple[Mapping[str, str], float]


def to_metrics(report: Report) -> str:
    """All of a report that can be watched."""
    images = list(worst_of_each(report.images))
    of = [{"template": image.template} for image in images]
    ended = report.began + report.seconds
    families = [
        family("golden_nightly_last_run_timestamp_seconds", "When the last nightly run ended.", [({}, ended)]),
        family("golden_nightly_last_run_success", "Whether all of it went well.", [({}, float(not report.exit_code))]),
        family("golden_nightly_last_run_duration_seconds", "How long it took.", [({}, report.seconds)]),
        family(
            "golden_template_state",
            "What became of a template in the last nightly run: 1 for the state that it is in.",
            [
                ({"template": image.template, "state": state}, float(image.state == state))
                for image in images
                for state in STATES
            ],
        ),
        family(
            "golden_template_last_success_timestamp_seconds",
            "When a nightly run last built and verified a template, or found it unchanged.",
            [
                (labels, image.last_success)
                for labels, image in zip(of, images, strict=True)
                if image.last_success is not None
            ],
        ),
        family(
            "golden_template_bytes",
            "Space that the disk of a template's latest version takes.",
            [(labels, image.bytes) for labels, image in zip(of, images, strict=True) if image.bytes is not None],
        ),
    ]
    return "".join(families)


def worst_of_each(images: Iterable[RecipeOutcome]) -> Iterable[RecipeOutcome]:
    """One image of each name: two recipes may claim one, and two samples with the same labels make all invalid."""
    found: dict[str, RecipeOutcome] = {}
    for image in sorted(images, key=lambda image: GRAVE.index(image.state)):
        found.setdefault(image.template, image)
    return [found[name] for name in sorted(found)]


def family(name: str, text: str, samples: Iterable[Sample]) -> str:
    """A gauge with its samples; nothing where it has none."""
    lines = [f"{name}{labelled(labels)} {value!r}\n" for labels, value in samples]
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n{''.join(lines)}" if lines else ""


def labelled(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def escaped(value: str) -> str:
    r"""A label's value: \, " and the end of a line are written with a \ before them."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
