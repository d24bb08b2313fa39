"""golden-nightly.service and golden-nightly.timer, written so that systemd reads back what was meant."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder import files, process
from builder.errors import CommandError, GoldenError, HostError, RequestError

NAME = "golden-nightly"
SERVICE, TIMER = f"{NAME}.service", f"{NAME}.timer"
SYSTEM = Path("/etc/systemd/system")


def of_user(env: Mapping[str, str]) -> Path:
    """The folder of a user's own units."""
    config = env.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config, "systemd/user")


SAFE = re.compile(r"[\w@+=:,./-]+", re.ASCII)
MISSING_HINT = "without systemd, have cron call `golden nightly run`"


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """What is to run: the command line, begun with an absolute path, and where."""

    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str]


def service(job: ScheduledJob) -> str:
    """The text of the service. Raises RequestError for what no unit can say."""
    command = " ".join([quoted(job.argv[0]), *(quoted(word).replace("$", "$$") for word in job.argv[1:])])
    env = "".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in job.env.items())
    return f"""\
[Unit]
Description=Nightly rebuild of golden's templates

[Service]
Type=oneshot
WorkingDirectory={specifier_free(str(job.folder))}
{env}ExecStart={command}
# It ends what it started by itself, when it is told to stop.
KillMode=mixed
TimeoutStopSec=2min
TimeoutStartSec=12h
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
"""


def timer(calendar: str) -> str:
    """The text of the timer. What a host that was off has missed is made up for."""
    return f"""\
[Unit]
Description=Nightly rebuild of golden's templates

[Timer]
OnCalendar={specifier_free(calendar)}
Persistent=true
RandomizedDelaySec=10min

[Install]
WantedBy=timers.target
"""


def quoted(word: str) -> str:
    """A word of a unit's line: systemd takes quotes, backslashes and % for its own."""
    word = specifier_free(word)
    if SAFE.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def specifier_free(text: str) -> str:
    """A text in which % means itself. Raises RequestError for what cannot stand on one line of a unit."""
    if not text.isprintable() or text != text.strip() or text.endswith("\\"):
        raise RequestError(
            f"a systemd unit cannot hold {text!r}", hint="use names without control characters and spaces at the end"
        )
    return text.replace("%", "%%")


def normalize(calendar: str) -> str:
    """The calendar expression as systemd writes it. Raises RequestError in systemd's words, and HostError."""
    analyze = find_analyze()
    try:
        printed = process.run([analyze, "calendar", "--", calendar], env={"LC_ALL": "C.UTF-8"})
    except CommandError as error:
        raise RequestError(
            f"--on-calendar: {error.output.strip()}", hint='such as "*-*-* 02:30"; see man systemd.time'
        ) from error
    found = re.search(r"^\s*Normalized form: (.*)$", printed, re.MULTILINE)
    if found is None:
        raise HostError("systemd-analyze calendar says nothing that golden understands", details=printed)
    return found[1].strip()


def check(texts: Mapping[str, str]) -> None:
    """Have systemd read the units. Raises HostError with what it says of them."""
    analyze = find_analyze()
    with tempfile.TemporaryDirectory(prefix="golden-units-") as scratch:
        for name, text in texts.items():
            Path(scratch, name).write_text(text)
        try:
            process.run([analyze, "verify", *(str(Path(scratch, name)) for name in texts)])
        except CommandError as error:
            raise HostError("systemd does not accept the units", details=error.output) from error


def find_analyze() -> str:
    """Raises HostError, with the way out, where systemd is not installed."""
    try:
        return process.find_tool("systemd-analyze", package="systemd")
    except GoldenError as error:
        error.hint = MISSING_HINT
        raise


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Write the units into a folder of units. Raises HostError; those that are whole stay then."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            files.write(folder / name, text)
    except OSError as error:
        raise HostError(
            f"the units cannot be written to {folder}",
            details=str(error),
            hint="--user writes them for your own systemd, --print only shows them",
        ) from error
