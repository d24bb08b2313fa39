"""The dependency graph: published versions, and everything that is known to need one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["version", "channel", "clone", "build", "domain", "file"]


@dataclass(frozen=True, slots=True, order=True)
class GraphVertex:
    """A version, or something that depends on one.

    `place` is a version's or channel's template, and a domain's or file's hypervisor; `name` is a
    file's path, as that hypervisor's host sees it.
    """

    kind: Kind
    place: str
    name: str

    def __str__(self) -> str:
        match self.kind:
            case "version":
                return f"{self.place}:{self.name}"
            case "channel":
                return f"the channel {self.name}"
            case "clone":
                return f"the running clone of {self.name} on {self.place}"
            case "build":
                return f"the running build of {self.name}"
            case _:
                return f"the {self.kind} {self.name} on {self.place}"

    @property
    def relation(self) -> str:
        """How it depends on a version, in words."""
        match self.kind:
            case "channel":
                return "points to it"
            case "domain" | "clone":
                return "uses it"
            case _:
                return "is based on it"


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """The facts about a version that pruning needs besides its dependents.

    `order` sorts the versions of a template by age; `created` is None if its manifest cannot be
    read. `rollback_of` are the channels that a rollback would return to it.
    """

    order: tuple[str, int]
    created: datetime | None
    failed: bool = False
    bytes: int = 0
    rollback_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BrokenChain:
    """Why a backing chain cannot be followed to its end, and the templates that it may lead to; None means any."""

    reason: str
    templates: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class BaseVolume:
    """A version's disk as a volume of a pool; `uri` is that of the hypervisor."""

    version: GraphVertex
    uri: str
    pool: str
    volume: str


@dataclass(frozen=True, slots=True)
class DependencyGraph:
    """Which vertex depends on which.

    `dependencies` has the direct dependencies of each vertex; a dependency need not exist. `roots` are kept for their
    own sake: channels, domains, clones, builds, and volumes other than base volumes. A version is kept by its
    dependents or by a policy. `bases` are the base volumes in pools; one is kept by its dependents, and removed with
    its version. `building` are the templates with a running build. `broken` are vertices whose dependencies are not
    all known.
    """

    versions: Mapping[GraphVertex, VersionFacts]
    dependencies: Mapping[GraphVertex, frozenset[GraphVertex]] = field(default_factory=dict)
    roots: frozenset[GraphVertex] = frozenset()
    broken: Mapping[GraphVertex, BrokenChain] = field(default_factory=dict)
    bases: Mapping[GraphVertex, BaseVolume] = field(default_factory=dict)
    building: frozenset[str] = frozenset()
