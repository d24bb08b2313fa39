"""What stands on what: published versions, and all that is known to need one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["version", "channel", "clone", "build", "domain", "file"]


@dataclass(frozen=True, slots=True, order=True)
class GraphVertex:
    """Something that stands on things, or on which things stand.

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
                return f"the clone of {self.name} on {self.place}, which is under way,"
            case "build":
                return f"the build of {self.name}, which is under way,"
            case _:
                return f"the {self.kind} {self.name} on {self.place}"


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What deciding about a version takes beside what stands on it.

    `order` sorts the versions of a template by age; `created` is None where its manifest cannot be
    read. `former_of` are the channels whose rollback would go to it.
    """

    order: tuple[str, int]
    created: datetime | None
    failed: bool = False
    bytes: int = 0
    former_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BrokenChain:
    """Why a chain cannot be followed further, and whose versions it may go on to; `templates` None is any's."""

    reason: str
    templates: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class BaseVolume:
    """A version's disk as a volume of a pool; `uri` is the hypervisor's."""

    version: GraphVertex
    uri: str
    pool: str
    volume: str


@dataclass(frozen=True, slots=True)
class DependencyGraph:
    """`below` has what each thing stands on, one step down; what it names need not be there.

    `roots` live by themselves: channels, domains, clones, builds, and volumes other than versions'
    bases. A version lives by what stands on it, or by a policy. `bases` are the volumes in pools that
    are a version's disk; one lives by what stands on it, and goes with its version. `busy` are the
    templates of which a build is under way. `blind` are things that stand on more than is known.
    """

    versions: Mapping[GraphVertex, VersionFacts]
    below: Mapping[GraphVertex, frozenset[GraphVertex]] = field(default_factory=dict)
    roots: frozenset[GraphVertex] = frozenset()
    blind: Mapping[GraphVertex, BrokenChain] = field(default_factory=dict)
    bases: Mapping[GraphVertex, BaseVolume] = field(default_factory=dict)
    busy: frozenset[str] = frozenset()
