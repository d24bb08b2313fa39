"""Checks that a step's result is still on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import Step


def prove(guest: Guest, step: Step, later: Iterable[Step]) -> Iterator[Finding]:
    """Yield the findings of the step's own check; `later` are the steps that ran after it. Raises BuildError.

    A later step on the same paths may have changed the result, so failed findings are then left out.
    """
    overridable = step.overlaps(later)
    yield from (finding for finding in step.check(guest) if finding.ok or not overridable)
