"""The actions of a plan: the base, each step, the seal, and publishing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.bases import Base
from builder.seal import Operation
from builder.steps import Step


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a build does, or takes from the cache.

    `key` identifies its result, with everything that led to it. `digest` identifies the action by itself: it
    tells an action that was edited from one that only follows an edited one. `reason` says why it runs or is reused.
    """

    step: str
    title: str
    key: str
    digest: str
    reused: bool
    reason: str


@dataclass(frozen=True, slots=True)
class BaseAction(Action):
    """`facts` identify the base; its digest is theirs."""

    base: Base
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StepAction(Action):
    options: Step


@dataclass(frozen=True, slots=True)
class SealAction(Action):
    """`kept` are the paths, and `users` the users, that steps and parent templates protect from the seal."""

    operations: tuple[Operation, ...]
    kept: frozenset[str]
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishAction(Action):
    pass
