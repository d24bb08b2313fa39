"""A plan: the actions of a build, in order, each with the reason why it runs or is reused."""

from __future__ import annotations

from dataclasses import dataclass

from builder.plan.action import Action, BaseAction, PublishAction, SealAction, StepAction
from builder.plan.chain import Renewal
from builder.plan.refresh import UpstreamMove
from builder.recipe import Recipe
from builder.store import Version


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build of a recipe does, in order; `current` is the version that `latest` points to.

    `parent` is the version of the parent template. If the parent is to be built first, there is none yet and
    `awaits` names its template: the keys are then not yet those that the build will have.

    `moved` are the changes upstream since the layers were built, as far as they were checked. `renewal` marks the
    first stale layer; a build records it before anything else, so that no later build uses that layer, even if this
    one fails.
    """

    recipe: Recipe
    base: BaseAction
    steps: tuple[StepAction, ...]
    seal: SealAction
    publish: PublishAction
    current: Version | None
    parent: Version | None = None
    awaits: str | None = None
    moved: tuple[UpstreamMove, ...] = ()
    renewal: Renewal | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        return (self.base, *self.steps, self.seal, self.publish)

    @property
    def changed(self) -> bool:
        """Whether a build would publish a new version."""
        return not self.publish.reused
