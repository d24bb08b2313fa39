"""Translating a systemd calendar expression into a crontab line, if cron can express it."""

from __future__ import annotations

import re
import shlex

from builder.nightly.units import ScheduledJob

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

NORMAL = re.compile(
    r"(?:(?P<week>[A-Z][A-Za-z.,]*) )?\*-(?P<month>[^-~]+)-(?P<day>\S+) (?P<hour>[^:]+):(?P<minute>[^:]+):00"
)
"""systemd-analyze's normalized form of an expression without years, seconds and time zones."""

PART = re.compile(r"(?P<first>\d+)(?:\.\.(?P<last>\d+))?(?:/(?P<every>\d+))?")


def schedule(normal: str) -> str | None:
    """The five crontab fields for a normalized expression; None if cron cannot express it."""
    found = NORMAL.fullmatch(normal)
    if found is None:
        return None
    # Given a weekday and a day of the month, cron runs on either, systemd only when both match.
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
    """One part of a list: a number or range, with an optional step; a step without an end goes up to `most`."""
    found = PART.fullmatch(text)
    if found is None:
        return None
    first, every = int(found["first"]), found["every"]
    last = int(found["last"]) if found["last"] else most if every else None
    span = str(first) if last is None else f"{first}-{last}"
    return f"{span}/{int(every)}" if every else span


def week(text: str) -> str | None:
    """The days of the week as numbers, because not every cron accepts lists of names."""
    parts = []
    for each in text.split(","):
        days = each.split("..")
        if not all(day in DAYS for day in days) or len(days) > 2:
            return None
        parts.append("-".join(str(DAYS.index(day) + 1) for day in days))
    return ",".join(parts)


def line(fields: str, job: ScheduledJob) -> str:
    """The crontab line. cron ends a command at a % without a backslash before it."""
    env = " ".join(f"{name}={shlex.quote(value)}" for name, value in job.env.items())
    command = f"cd {shlex.quote(str(job.folder))} && {env} {shlex.join(job.argv)}"
    return f"{fields} {command}".replace("%", r"\%")
