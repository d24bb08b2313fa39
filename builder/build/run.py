"""One run of a build: the plan, and where it is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field

from builder.build.journal import Journal
from builder.build.session import Session
from builder.installer import Limits
from builder.paths import Output
from builder.plan import Plan
from builder.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Run:
    plan: Plan
    output: Output
    session: Session
    journal: Journal
    limits: Limits = field(default_factory=Limits)
    upstream: Upstream | None = None
