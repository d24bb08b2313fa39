"""A report as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from builder.nightly.report import PackageUpdate, RecipeOutcome, Report, UpstreamChange
from builder.sizes import format_size

CONSOLE_LINES = 10
HEAD, TAIL = 4, 8
"""Lines of an error to show at its start and end."""
INDENT = " " * 4
MANY = 12
"""Packages of one kind to list; the rest is counted."""


def to_text(report: Report, width: int = 80) -> str:
    """The report for a terminal of that width, or a mail; the worst outcomes come first."""
    when = report.when.strftime("%Y-%m-%d %H:%M")
    lines = [f"{when} UTC on {report.host}, {report.folder}: {duration(report.seconds)}", report.title]
    lines += [f"warning: {warning}" for warning in report.warnings]
    for image in report.by_severity:
        lines += ["", *image_lines(image)] if image.state != "unchanged" else []
    if unchanged := [image.template for image in report.images if image.state == "unchanged"]:
        lines += ["", f"unchanged: {', '.join(unchanged)}"]
        lines += promotions(report)
    if pruned := report.pruned:
        lines += ["", *pruned_lines(pruned.versions, pruned.freed, pruned.error)]
    return "\n".join(wrap(printable(line), width) for text in lines for line in text.split("\n")) + "\n"


def promotions(report: Report) -> Iterator[str]:
    """The promotions of unchanged templates."""
    found: dict[str, list[str]] = {}
    for image in report.images:
        if image.state == "unchanged" and image.promoted:
            found.setdefault(notes(image), []).append(image.template)
    yield from (f"{INDENT}{note}: {', '.join(names)}" for note, names in found.items())


def notes(image: RecipeOutcome) -> str:
    return f"promoted to {', '.join(image.promoted)}"


def image_lines(image: RecipeOutcome) -> Iterator[str]:
    seconds = f"  {duration(image.seconds)}" if image.seconds else ""
    yield f"{image.template}: {image.word}{seconds}"
    if image.state in ("rebuilt", "unverified"):
        yield f"{INDENT}{image.before or 'no version'} -> {image.after}"
    if image.state == "unverified":
        yield f"{INDENT}latest stays at {image.before or 'no version'}"
    yield from (f"{INDENT}{describe(moved)}" for moved in image.moved)
    yield from (f"{INDENT}{reason}" for reason in image.why)
    yield from (f"{INDENT}{line}" for line in package_lines(image.packages))
    if image.promoted:
        yield f"{INDENT}{notes(image)}"
    if image.error:
        yield from (f"{INDENT}{line}" for line in shortened(image.error))
    if image.console:
        yield f"{INDENT}last lines of the console:"
        yield from (f"{INDENT}| {line}" for line in image.console[-CONSOLE_LINES:])
    if image.log and not image.good:
        yield f"{INDENT}log: {image.log}"


def shortened(error: str) -> list[str]:
    """The lines of an error; a long one without its middle. The HTML report has all lines."""
    lines = error.splitlines()
    left_out = len(lines) - HEAD - TAIL
    return lines if left_out <= 1 else [*lines[:HEAD], f"  [… {left_out} lines]", *lines[-TAIL:]]


def describe(moved: UpstreamChange) -> str:
    """A change upstream, in one line."""
    digests = [digest[:12] for digest in (moved.before, moved.after) if digest]
    return f"{moved.url} changed" + (f" ({' -> '.join(digests)})" if len(digests) == 2 else "")


def package_lines(changes: tuple[PackageUpdate, ...]) -> Iterator[str]:
    """One line for each package, as in a diff; of many packages of one kind, only the first."""
    for mark, text in ((" +", "more added"), (" -", "more removed"), (" ~", "more changed")):
        kind = [change for change in changes if mark_of(change) == mark.strip()]
        yield from (f"{mark} {describe_change(change)}" for change in kind[:MANY])
        if len(kind) > MANY:
            yield f"{mark} and {len(kind) - MANY} {text}"


def mark_of(change: PackageUpdate) -> str:
    return "+" if change.before is None else "-" if change.after is None else "~"


def describe_change(change: PackageUpdate) -> str:
    versions = " -> ".join(version for version in (change.before, change.after) if version is not None)
    return f"{change.name} {versions}"


def pruned_lines(versions: tuple[str, ...], freed: int, error: str | None) -> Iterator[str]:
    if versions:
        yield f"pruned: {', '.join(versions)} ({format_size(freed)})"
    elif not error:
        yield "pruned: nothing to remove"
    if error:
        yield f"pruning failed:\n{textwrap.indent(error, INDENT)}"


def duration(seconds: float) -> str:
    """A duration in seconds as a readable text."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def wrap(line: str, width: int) -> str:
    """A line in as many as it needs, the others below its text; no word is broken."""
    indent = line[: len(line) - len(line.lstrip())] + "  "
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def printable(line: str) -> str:
    """A line that does not steer the terminal: a console's last lines come from a machine."""
    return "".join(letter if letter.isprintable() else "�" for letter in line.expandtabs())
