"""Units and crontab lines: systemd and sh read them as intended."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import process
from builder.errors import HostError, RequestError
from builder.nightly import cron, units
from builder.nightly.units import ScheduledJob
from tests.conftest import Golden

JOB = ScheduledJob(
    ["/opt/golden/bin/golden", "nightly", "run", "recipes", "-j", "2"], Path("/srv"), {"GOLDEN_OUTPUT": "/srv/output"}
)

words = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(" %$\\\"';#"), max_size=12
).filter(lambda word: word == word.strip() and not word.endswith("\\"))


def unquote(line: str) -> list[str]:
    r"""The words of a line of ours as systemd.syntax(7) has it: \\ and \" in double quotes, %% for %."""
    found = [
        re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
        for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', line)
    ]
    return [word.replace("%%", "%") for word in found]


@given(st.lists(words, max_size=4), words)
def test_any_words_come_back(some: list[str], value: str) -> None:
    job = ScheduledJob(["/bin/golden", *some], Path("/srv"), {"NAME": value})
    lines = dict(line.split("=", 1) for line in units.service(job).splitlines() if "=" in line)
    assert [word.replace("$$", "$") for word in unquote(lines["ExecStart"])] == ["/bin/golden", *some]
    assert unquote(lines["Environment"]) == [f"NAME={value}"]


def test_systemd_finds_a_program_with_any_name(tmp_path: Path) -> None:
    program = tmp_path / "a b %h $HOME;"
    texts = {
        units.SERVICE: units.service(ScheduledJob([str(program), "%h", "$HOME"], tmp_path, {"A": '%h " $x'})),
        units.TIMER: units.timer("*-*-* 02:30"),
    }
    with pytest.raises(HostError, match="systemd-analyze rejects the units that golden generated") as caught:
        units.check(texts)
    assert f"Command {program} is not executable" in str(caught.value)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units.check(texts)
    with pytest.raises(HostError, match="Executable name contains special characters"):
        units.check({units.SERVICE: units.service(ScheduledJob(['/bin/"quoted"'], tmp_path, {}))})


@pytest.mark.parametrize("text", ["a\nb", "a\x07", " a", "a ", "a\\", "\udc80"])
def test_what_no_unit_can_say(text: str) -> None:
    with pytest.raises(RequestError, match="a systemd unit cannot contain"):
        units.quoted(text)


def test_a_bad_calendar_is_refused_in_systemd_s_words() -> None:
    with pytest.raises(RequestError) as caught:
        units.normalize("*-*-* 99:30")
    assert "Failed to parse calendar specification '*-*-* 99:30'" in str(caught.value)
    assert "hint: " in str(caught.value)
    assert units.normalize("daily") == "*-*-* 00:00:00"


def test_without_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(HostError) as caught:
        units.normalize("daily")
    assert str(caught.value).endswith("hint: without systemd, run `golden nightly run` from cron")


FORMS = {
    "*-*-* 02:30": "30 2 * * *",
    "hourly": "0 * * * *",
    "*:0/15": "0-59/15 * * * *",
    "Mon..Fri 02:30": "30 2 * * 1-5",
    "Sat,Sun 4:00": "0 4 * * 6,7",
    "Mon,Wed,Fri *:05": "5 * * * 1,3,5",
    "*-1/3-1 1..5,23:00": "0 1-5,23 1 1-12/3 *",
    "*-*-1..15/2 3:00": "0 3 1-15/2 * *",
}

NO_FORMS = ("*-*-* 02:30:15", "2027-01-01", "Mon *-*-1 2:00", "*-02~01", "*-*-* 02:30 Europe/London", "*:*:0/10")


@pytest.mark.parametrize("calendar", FORMS)
def test_what_cron_can_say_as_well(calendar: str) -> None:
    assert cron.schedule(units.normalize(calendar)) == FORMS[calendar]


@pytest.mark.parametrize("calendar", NO_FORMS)
def test_what_cron_cannot_say(calendar: str) -> None:
    assert cron.schedule(units.normalize(calendar)) is None


def matches(field: str, value: int) -> bool:
    """Whether a crontab field without names matches a value; see crontab(5)."""
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low, high = (0, 99) if span == "*" else (int(first), int(last or first))
        if low <= value <= high and (value - low) % int(step or 1) == 0:
            return True
    return False


@pytest.mark.parametrize("calendar", FORMS)
def test_cron_and_systemd_mean_the_same_moments(calendar: str) -> None:
    command = ["systemd-analyze", "calendar", "--iterations=6", "--base-time=2026-11-25 00:00", "--", calendar]
    printed = process.run(command, env={"TZ": "UTC", "LC_ALL": "C.UTF-8"})
    moments = [
        datetime.strptime(found, "%Y-%m-%d %H:%M:%S")
        for found in re.findall(r"(?:elapse|Iter\. #\d+|Iteration #\d+): \w+ (\S+ \S+) UTC", printed)
    ]
    assert len(moments) == 6
    minute, hour, day, month, week = FORMS[calendar].split()
    at = datetime(2026, 11, 25)
    expected: list[datetime] = []
    while len(expected) < 6:
        at += timedelta(minutes=1)
        wanted = ((minute, at.minute), (hour, at.hour), (day, at.day), (month, at.month), (week, at.isoweekday()))
        if all(matches(field, value) for field, value in wanted):
            expected.append(at)
    assert moments == expected


@given(st.lists(words, min_size=1, max_size=3))
def test_a_shell_reads_the_crontab_s_command(some: list[str]) -> None:
    line = cron.line("30 2 * * *", ScheduledJob(["golden", *some], Path("/a b"), {"GOLDEN_OUTPUT": some[0]}))
    assert re.search(r"(?<!\\)%", line) is None
    command = line.removeprefix("30 2 * * * ").replace(r"\%", "%")
    assert shlex.split(command) == ["cd", "/a b", "&&", f"GOLDEN_OUTPUT={some[0]}", "golden", *some]


def test_install(golden: Golden, tmp_path: Path) -> None:
    folder = tmp_path / "units"
    install = ("nightly", "install", "--on-calendar", "*-*-* 02:30")
    shown = golden(*install, "--print", "--folder", folder, "recipes", "-j", "2", "--promote-to", "stable")
    assert shown.returncode == 0, shown.stderr
    assert not folder.exists()
    assert "OnCalendar=*-*-* 02:30\nPersistent=true\n" in shown.stdout
    assert re.search(
        r"^ExecStart=/\S+/golden nightly run recipes -j 2 --promote-to stable$", shown.stdout, re.MULTILINE
    )
    assert re.search(r"^30 2 \* \* \* cd .* && GOLDEN_OUTPUT=/", shown.stderr, re.MULTILINE)

    done = golden(*install, "--folder", folder, "recipes")
    assert done.stdout.splitlines() == [str(folder / units.SERVICE), str(folder / units.TIMER)]
    assert "systemctl daemon-reload && systemctl enable --now golden-nightly.timer" in done.stderr
    subprocess.run(["systemd-analyze", "verify", folder / units.SERVICE, folder / units.TIMER], check=True)

    for wrong in (["no-such-folder"], ["recipes", "--jbs", "3"], ["recipes", "-j", "0"], ["recipes", "more"]):
        refused = golden(*install, "--folder", tmp_path / "none", *wrong)
        assert (refused.returncode, refused.stdout) == (2, ""), wrong
    assert golden(*install[:-1], "when I like", "--folder", tmp_path / "none", "recipes").returncode == 2
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    refused = golden(*install, "--folder", tmp_path / "file/units", "recipes")
    assert refused.returncode == 3
    assert "cannot write the systemd units" in refused.stderr


def test_install_for_a_user(golden: Golden, tmp_path: Path) -> None:
    done = golden(
        "nightly", "install", "--on-calendar", "daily", "--user", "recipes", env={"XDG_CONFIG_HOME": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "systemd/user").iterdir()} == {units.SERVICE, units.TIMER}
    assert "systemctl --user enable --now golden-nightly.timer" in done.stderr.replace(
        "daemon-reload && systemctl --user ", ""
    )
