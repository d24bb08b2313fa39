"""The proof that steps did what they promised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import Step


def prove(guest: Guest, step: Step, later: Iterable[Step]) -> Iterator[Finding]:
    """A step's own findings, read from a disk; `later` are the steps that ran after it. Raises BuildError.

    What it promised of a path that a later one works on is no failure when it is not so any more.
    """
    yields = step.yields_to(later)
    yield from (finding for finding in step.check(guest) if finding.ok or not yields)
