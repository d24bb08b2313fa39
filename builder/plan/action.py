"""What a plan is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.bases import Base
from builder.seal import Operation
from builder.steps import Step


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a build does, or finds done.

    `key` stands for its result and everything that led there; `digest` for itself alone, which
    tells an edited action from one that merely follows an edited one.
    """

    step: str
    title: str
    key: str
    digest: str
    reused: bool
    reason: str


@dataclass(frozen=True, slots=True)
class BaseAction(Action):
    """`facts` are what the base is known by, of which its digest is made."""

    base: Base
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StepAction(Action):
    options: Step


@dataclass(frozen=True, slots=True)
class SealAction(Action):
    """`kept` are the paths that it must leave alone, `users` those who stay, by what steps and parents did."""

    operations: tuple[Operation, ...]
    kept: frozenset[str]
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishAction(Action):
    pass
