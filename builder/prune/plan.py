"""Which versions are removed, given the dependencies and a policy; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from builder.prune.graph import DependencyGraph, GraphVertex, VersionFacts


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The versions to keep although nothing uses them: those that any of these rules selects.

    `keep_last` is a number of newest good versions of a template, `keep_failed` of newest failed ones, which no other
    rule keeps. `keep_channels` are channels whose rollback version is kept.
    """

    keep_last: int = 3
    keep_days: int | None = None
    keep_failed: int = 1
    keep_channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PruneDecision:
    """Whether to keep a version, and why. `bases` are the volumes that are removed with it."""

    version: GraphVertex
    keep: bool
    reason: str
    bytes: int
    bases: tuple[GraphVertex, ...] = ()


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """A decision about each selected version, by template, oldest first.

    `stray` are unused base volumes of versions whose removal was interrupted.
    """

    decisions: tuple[PruneDecision, ...]
    stray: tuple[GraphVertex, ...] = ()

    @property
    def removed(self) -> tuple[PruneDecision, ...]:
        return tuple(decision for decision in self.decisions if not decision.keep)

    @property
    def bytes(self) -> int:
        """The space freed in the store; pools may free as much again."""
        return sum(decision.bytes for decision in self.removed)


def plan_prune(
    graph: DependencyGraph, policy: RetentionPolicy, now: datetime, templates: Collection[str] | None = None
) -> PrunePlan:
    """Decide about each version of the given templates, or of all; `now` has a time zone.

    A version is removed only if nothing that is kept depends on it, at any depth, and no policy keeps it.
    """
    by_template: dict[str, list[GraphVertex]] = {}
    for version in sorted(graph.versions, key=lambda version: (version.place, graph.versions[version].order)):
        by_template.setdefault(version.place, []).append(version)
    keeper = KeepCollector(graph, by_template)
    keeper.keep_used()
    selected: list[GraphVertex] = []
    for template, versions in by_template.items():
        if templates is not None and template not in templates:
            keeper.keep(dict.fromkeys(versions, "not selected"))
            continue
        selected += versions
        if template in graph.building:
            keeper.keep(dict.fromkeys(versions, "a build of the template is running"))
        else:
            keeper.keep(select_by_policy({version: graph.versions[version] for version in versions}, policy, now))
    bases: dict[GraphVertex, list[GraphVertex]] = {}
    for file, base in graph.bases.items():
        bases.setdefault(base.version, []).append(file)
    decisions = (_decide(version, graph.versions[version], keeper.kept, bases) for version in selected)
    stray = (file for file, base in graph.bases.items() if base.version not in graph.versions)
    return PrunePlan(tuple(decisions), tuple(sorted(file for file in stray if file not in keeper.kept)))


def _decide(
    version: GraphVertex,
    facts: VersionFacts,
    kept: Mapping[GraphVertex, str],
    bases: Mapping[GraphVertex, list[GraphVertex]],
) -> PruneDecision:
    if version in kept:
        return PruneDecision(version, True, kept[version], facts.bytes)
    reason = "it failed its verification" if facts.failed else "no policy keeps it"
    own = tuple(sorted(bases.get(version, ())))
    return PruneDecision(version, False, f"{reason}, and nothing uses it", facts.bytes, own)


class KeepCollector:
    """Collects what is kept, and why, in `kept`, together with everything that it depends on."""

    def __init__(self, graph: DependencyGraph, by_template: Mapping[str, list[GraphVertex]]) -> None:
        self.kept: dict[GraphVertex, str] = {}
        self._graph = graph
        self._by_template = by_template

    def keep_used(self) -> None:
        """Keep what the roots depend on. Channels come first, because their reason says most."""
        rank = {"channel": 0, "domain": 1, "clone": 2, "build": 3}
        for root in sorted(self._graph.roots, key=lambda root: (rank.get(root.kind, 4), root)):
            self._follow([root], f"{root} {root.relation}")

    def keep(self, versions: Mapping[GraphVertex, str]) -> None:
        """Keep versions, each with its reason."""
        new = {version: reason for version, reason in versions.items() if version not in self.kept}
        self.kept |= new
        self._follow(new, "")

    def _follow(self, start: Iterable[GraphVertex], reason: str) -> None:
        """Keep everything that some vertices depend on, at any depth."""
        queue = deque(start)
        while queue:
            at = queue.popleft()
            why = reason if reason and at.kind != "version" else f"{at} {at.relation}"
            for vertex in sorted(self._graph.dependencies.get(at, ())):
                if vertex not in self.kept:
                    self.kept[vertex] = why
                    queue.append(vertex)
            for vertex, why in self._possible_dependencies(at):
                if vertex not in self.kept:
                    self.kept[vertex] = why
                    queue.append(vertex)

    def _possible_dependencies(self, at: GraphVertex) -> Iterator[tuple[GraphVertex, str]]:
        if chain := self._graph.broken.get(at):
            for template in self._by_template if chain.templates is None else sorted(chain.templates):
                for version in self._by_template.get(template, ()):
                    yield version, f"{at} may be based on it: {chain.reason}"


def select_by_policy(
    versions: Mapping[GraphVertex, VersionFacts], policy: RetentionPolicy, now: datetime
) -> dict[GraphVertex, str]:
    """The versions that the policy keeps, and why; `versions` are those of one template, oldest first."""
    kept: dict[GraphVertex, str] = {}
    good: list[GraphVertex] = []
    failed: list[GraphVertex] = []
    for version, facts in versions.items():
        if facts.created is None:
            kept[version] = "its manifest cannot be read"
        elif facts.created > now:
            # The clock was ahead then, or was set back since: the age is unknown.
            kept[version] = "its creation time is in the future"
        else:
            (failed if facts.failed else good).append(version)
            if not facts.failed and (reason := _reason_of_its_own(facts, policy, now)):
                kept[version] = reason
    kept |= dict.fromkeys(_last(failed, policy.keep_failed), _among_newest(policy.keep_failed, "failed version"))
    kept |= dict.fromkeys(_last(good, policy.keep_last), _among_newest(policy.keep_last, "good version"))
    return kept | dict.fromkeys(_last(good, 1), _among_newest(1, "good version"))


def _reason_of_its_own(facts: VersionFacts, policy: RetentionPolicy, now: datetime) -> str | None:
    """Why a good version is kept regardless of the others; None if it is not."""
    if channels := sorted(facts.rollback_of & policy.keep_channels):
        return f"a rollback of the channel {channels[0]} returns to it"
    assert facts.created is not None
    if policy.keep_days is not None and now - facts.created < timedelta(days=policy.keep_days):
        return f"less than {policy.keep_days} days old"
    return None


def _among_newest(count: int, noun: str) -> str:
    return f"the newest {noun}" if count == 1 else f"one of the newest {count} {noun}s"


def _last(versions: list[GraphVertex], count: int) -> list[GraphVertex]:
    return versions[max(0, len(versions) - count) :]
