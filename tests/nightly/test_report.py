"""Reports, as JSON and as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from builder.errors import RequestError
from builder.nightly.report import Report, find_report, last_successes, read_report
from builder.nightly.text import to_text
from tests.nightly.reports import (
    BEGAN,
    FAILED,
    REBUILT,
    SKIPPED,
    UNCHANGED,
    UNVERIFIED,
    WHOLE,
    make_report,
    reports,
)

TEXT = """\
2026-11-25 02:40 UTC on builder1, /srv/golden/recipes: 8 min 40 s
6 recipes: 1 failed, 1 failed verification, 1 skipped, 1 rebuilt, 2 unchanged

build: failed  14.2 s
    install gcc-99: its options changed
    recipes/build.yaml:7:5: the step install gcc-99 failed: command exited with
      status 100
      $ apt-get install gcc-99
      E: Unable to locate package gcc-99
    hint: is its repository in the recipe?
    log: /srv/golden/nightly/20261125T024000Z/build.log

gateway: failed verification  5 min 12 s
    20261120.1-00112233 -> 20261125.1-44556677
    latest stays at 20261120.1-00112233
    kernel-args root=/dev/vdz9: its options changed
    gateway:20261125.1-44556677 failed its verification: no login prompt within
      300 s; latest stays at 20261120.1-00112233
      login: no prompt on the serial console
    last lines of the console:
    | [    4.482913] VFS: Cannot open root device "/dev/vdz9" or
      unknown-block(0,0): error -6
    | [    4.483001] Please append a correct "root=" boot option; here are the
      available partitions:
    | [    4.483377] Kernel panic - not syncing: VFS: Unable to mount root fs on
      unknown-block(0,0)
    log: /srv/golden/nightly/20261125T024000Z/gateway.log

build-arm: skipped
    its parent build failed

web: rebuilt  3 min 12 s
    20261124.1-ab12cd34 -> 20261125.1-98fe76dc
    http://mirror.example/debian-security/dists/bookworm-security/InRelease
      changed (abababababab -> cdcdcdcdcdcd)
    install nginx-light, curl: bookworm-security moved upstream
     + libnghttp2-14 1.52.0-1
     - mawk 1.3.4-2
     ~ curl 7.88.1-10+deb12u7 -> 7.88.1-10+deb12u8
    promoted to stable

unchanged: db, mail
    promoted to stable: mail

pruned: web:20261101.1-0a0a0a0a (431.0 MiB)
"""


def test_the_text_fits_80_columns() -> None:
    assert to_text(WHOLE) == TEXT
    assert max(map(len, TEXT.splitlines())) <= 80


@given(reports)
def test_any_report_survives_storing(report: Report) -> None:
    kept = Report.model_validate(json.loads(report.to_text().encode()))
    assert kept == report


@given(reports)
def test_no_control_characters_reach_a_terminal(report: Report) -> None:
    assert all(letter.isprintable() or letter == "\n" for letter in to_text(report))


def test_the_worst_is_the_exit_code() -> None:
    assert make_report(UNCHANGED, REBUILT).exit_code == 0
    assert make_report(UNCHANGED, FAILED, SKIPPED).exit_code == 4
    assert make_report(UNVERIFIED, FAILED, REBUILT).exit_code == 5


def test_a_missing_or_damaged_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    for text in (None, "", "{", "[]", '{"images": 3}'):
        if text is not None:
            path.write_text(text)
        assert find_report(path) is None
        with pytest.raises(RequestError, match="there is no report of a nightly run"):
            read_report(path)
    path.write_text(WHOLE.to_text())
    assert read_report(path) == WHOLE
    assert last_successes(WHOLE) == {"db": BEGAN, "mail": BEGAN, "web": BEGAN, "build-arm": BEGAN - 86400}
    assert last_successes(None) == {}
