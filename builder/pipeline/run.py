"""One run of a build: its plan, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from builder.events import Notice
from builder.installer import InstallLimits
from builder.layers import Layer, LayerCache
from builder.paths import Output
from builder.pipeline.journal import BuildJournal
from builder.pipeline.session import BuildSession
from builder.plan import Action, Plan
from builder.upstream import Upstream


@dataclass(frozen=True, slots=True)
class BuildRun:
    plan: Plan
    output: Output
    session: BuildSession
    journal: BuildJournal
    limits: InstallLimits = field(default_factory=InstallLimits)
    upstream: Upstream | None = None

    def find_or_make(
        self, action: Action, cache: LayerCache, make: Callable[[], Layer], parent: Layer | None = None
    ) -> Layer:
        """The layer of an action: from the cache, else made here, or by another build that is making it already.

        Raises GoldenError.
        """
        waiting = Notice(f"another build is running {action.title}; waiting for its result")
        with cache.making(action.key, on_wait=lambda: self.journal.emit(waiting)):
            if (found := cache.find(action.key, parent)) and cache.used(found):
                self.journal.cached(action, found)
                return found
            return make()
