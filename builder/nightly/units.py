"""The systemd units golden-nightly.service and golden-nightly.timer."""

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


def user_folder(env: Mapping[str, str]) -> Path:
    """The folder of a user's units."""
    config = env.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config, "systemd/user")


SAFE = re.compile(r"[\w@+=:,./-]+", re.ASCII)
MISSING_HINT = "without systemd, run `golden nightly run` from cron"


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """The command line to run, with an absolute path, its working folder and environment."""

    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str]


def service(job: ScheduledJob) -> str:
    """The text of the service. Raises RequestError for a word that a unit cannot contain."""
    command = " ".join([quoted(job.argv[0]), *(quoted(word).replace("$", "$$") for word in job.argv[1:])])
    env = "".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in job.env.items())
    return f"""\
[Unit]
Description=Nightly rebuild of golden's templates

[Service]
Type=oneshot
WorkingDirectory={specifier_free(str(job.folder))}
{env}ExecStart={command}
# golden stops its child processes itself.
KillMode=mixed
TimeoutStopSec=2min
TimeoutStartSec=12h
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
"""


def timer(calendar: str) -> str:
    """The text of the timer. A run that was missed while the host was off is made up for."""
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
    """A word quoted for a unit, in which quotes, backslashes and % are special."""
    word = specifier_free(word)
    if SAFE.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def specifier_free(text: str) -> str:
    """A text with % escaped. Raises RequestError for a text that does not fit on one line of a unit."""
    if not text.isprintable() or text != text.strip() or text.endswith("\\"):
        raise RequestError(
            f"a systemd unit cannot contain {text!r}",
            hint="use a name without control characters, spaces at either end, or a backslash at the end",
        )
    return text.replace("%", "%%")


def normalize(calendar: str) -> str:
    """The normalized form of a calendar expression. Raises RequestError with systemd's message, and HostError."""
    analyze = find_analyze()
    try:
        printed = process.run([analyze, "calendar", "--", calendar], env={"LC_ALL": "C.UTF-8"})
    except CommandError as error:
        raise RequestError(
            f"--on-calendar: {error.output.strip()}",
            hint='use an expression such as "*-*-* 02:30"; see `man systemd.time`',
        ) from error
    found = re.search(r"^\s*Normalized form: (.*)$", printed, re.MULTILINE)
    if found is None:
        raise HostError("cannot read the output of `systemd-analyze calendar`", details=printed)
    return found[1].strip()


def check(texts: Mapping[str, str]) -> None:
    """Have systemd check the units. Raises HostError with its messages."""
    analyze = find_analyze()
    with tempfile.TemporaryDirectory(prefix="golden-units-") as scratch:
        for name, text in texts.items():
            Path(scratch, name).write_text(text)
        try:
            process.run([analyze, "verify", *(str(Path(scratch, name)) for name in texts)])
        except CommandError as error:
            raise HostError("systemd-analyze rejects the units that golden generated", details=error.output) from error


def find_analyze() -> str:
    """The path of systemd-analyze. Raises HostError, with a hint, if systemd is not installed."""
    try:
        return process.find_tool("systemd-analyze", package="systemd")
    except GoldenError as error:
        error.hint = MISSING_HINT
        raise


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Write the units to a folder. Raises HostError; units written before that stay."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            files.write(folder / name, text)
    except OSError as error:
        raise HostError(
            f"cannot write the systemd units to {folder}",
            details=str(error),
            hint="pass --user to install them for your own systemd instance, or --print to only show them",
        ) from error
