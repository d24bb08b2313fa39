"""Metrics, read by Prometheus's own parser."""

from __future__ import annotations

from hypothesis import given
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from builder.nightly.metrics import to_metrics
from builder.nightly.report import STATES, Report
from tests.nightly.reports import BEGAN, FAILED, REBUILT, SKIPPED, UNCHANGED, WHOLE, make_report, reports


def parse(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric, **labels: str) -> list[float]:
    return [each.value for each in family.samples if labels.items() <= each.labels.items()]


def test_all_metrics_of_a_run() -> None:
    found = parse(to_metrics(WHOLE))
    assert {family.type for family in found.values()} == {"gauge"}
    assert all(family.documentation for family in found.values())
    assert values(found["golden_nightly_last_run_timestamp_seconds"]) == [BEGAN + 520.4]
    assert values(found["golden_nightly_last_run_success"]) == [0]
    assert values(found["golden_nightly_last_run_duration_seconds"]) == [520.4]
    state = found["golden_template_state"]
    assert values(state, template="gateway", state="unverified") == [1]
    assert values(state, template="gateway", state="rebuilt") == [0]
    assert len(state.samples) == 6 * len(STATES)
    success = found["golden_template_last_success_timestamp_seconds"]
    assert values(success, template="web") == [BEGAN]
    assert values(success, template="build-arm") == [BEGAN - 86400]
    assert values(success, template="build") == [], "it never succeeded"
    assert values(found["golden_template_bytes"], template="web") == [430 << 20]
    assert values(parse(to_metrics(make_report(REBUILT)))["golden_nightly_last_run_success"]) == [1]


def test_two_recipes_of_one_name_give_one_sample() -> None:
    twins = (UNCHANGED, FAILED.model_copy(update={"template": UNCHANGED.template}))
    for images in (twins, twins[::-1]):
        state = parse(to_metrics(make_report(*images)))["golden_template_state"]
        assert values(state, template="db", state="failed") == [1]
        assert len(state.samples) == len(STATES)
    assert "golden_template_bytes" not in to_metrics(make_report(SKIPPED)), "a gauge without samples is left out"


@given(reports)
def test_any_name_is_a_label(report: Report) -> None:
    text = to_metrics(report)
    text.encode()
    samples = [each for each in parse(text)["golden_template_state"].samples if each.value == 1]
    assert sorted(each.labels["template"] for each in samples) == sorted({image.template for image in report.images})
