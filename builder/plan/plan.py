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

    `parent` is the published version that it stands on. Where the parent is to be built first there
    is none yet, and `awaits` names its template: what follows from it is foreseen, and the keys are
    not those that the build will have.

    `moved` is what is another upstream than layers saw, as far as that was looked at; by `renewal` the first
    stale one is known as such, which a build records before anything else: should it fail then, the next
    one does not take the stale layer again.
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
