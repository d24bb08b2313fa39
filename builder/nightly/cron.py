"""A systemd calendar expression as a line of a crontab, where it has such a form."""

from __future__ import annotations

import re
import shlex

from builder.nightly.units import ScheduledJob

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

NORMAL = re.compile(
    r"(?:(?P<week>[A-Z][A-Za-z.,]*) )?\*-(?P<month>[^-~]+)-(?P<day>\S+) (?P<hour>[^:]+):(?P<minute>[^:]+):00"
)
"""What systemd-analyze calls the normalized form, of those that say nothing of years, seconds and time zones."""

PART = re.compile(r"(?P<first>\d+)(?:\.\.(?P<last>\d+))?(?:/(?P<every>\d+))?")


def schedule(normal: str) -> str | None:
    """The five fields of a crontab that mean the same as a normalized expression; None where there are none."""
    found = NORMAL.fullmatch(normal)
    if found is None:
        return None
    # With both, cron takes days that are either, systemd those that are both.
    if found["week"] and found["day"] != "*":
        return None
    fields = [
        field(found["minute"], 59),
        field(found["hour"], 23),
        field(found["day"], 31),
        field(found["month"], 12),
        week(found["week"]) if found["week"] else "*",
    ]
    return None if None in fields else " ".join(str(each) for each in fields)


def field(text: str, most: int) -> str | None:
    if text == "*":
        return "*"
    parts = [part(each, most) for each in text.split(",")]
    return None if None in parts else ",".join(str(each) for each in parts)


def part(text: str, most: int) -> str | None:
    """One of a list: a number, a range, or either with a step, which without an end goes on to the last."""
    found = PART.fullmatch(text)
    if found is None:
        return None
    first, every = int(found["first"]), found["every"]
    last = int(found["last"]) if found["last"] else most if every else None
    span = str(first) if last is None else f"{first}-{last}"
    return f"{span}/{int(every)}" if every else span


def week(text: str) -> str | None:
    """Days of the week by numbers: not every cron takes lists of names."""
    parts = []
    for each in text.split(","):
        days = each.split("..")
        if not all(day in DAYS for day in days) or len(days) > 2:
            return None
        parts.append("-".join(str(DAYS.index(day) + 1) for day in days))
    return ",".join(parts)


def line(fields: str, job: ScheduledJob) -> str:
    """The crontab's line. In one, % is the end of the command unless a backslash stands before it."""
    env = " ".join(f"{name}={shlex.quote(value)}" for name, value in job.env.items())
    command = f"cd {shlex.quote(str(job.folder))} && {env} {shlex.join(job.argv)}"
    return f"{fields} {command}".replace("%", r"\%")
