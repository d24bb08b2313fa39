"""From what stands on what and a policy to what may go; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from builder.prune.graph import DependencyGraph, GraphVertex, VersionFacts


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """What is kept although nothing stands on it: what any of these says.

    `keep_last` counts a template's newest good versions, `keep_failed` its newest failed ones, which
    are kept for nothing else. `keep_channels` keep what a rollback of them would go to.
    """

    keep_last: int = 3
    keep_days: int | None = None
    keep_failed: int = 1
    keep_channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PruneDecision:
    """That a version stays or goes, and why. `bases` are the volumes that go with it."""

    version: GraphVertex
    keep: bool
    reason: str
    bytes: int
    bases: tuple[GraphVertex, ...] = ()


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """A decision about each version that was asked about: by template, the oldest first.

    `stray` are the bases, on which nothing stands, of versions whose removal was cut off.
    """

    decisions: tuple[PruneDecision, ...]
    stray: tuple[GraphVertex, ...] = ()

    @property
    def removed(self) -> tuple[PruneDecision, ...]:
        return tuple(decision for decision in self.decisions if not decision.keep)

    @property
    def bytes(self) -> int:
        """What is freed in the store; in pools it may be as much again."""
        return sum(decision.bytes for decision in self.removed)


def plan_prune(
    graph: DependencyGraph, policy: RetentionPolicy, now: datetime, templates: Collection[str] | None = None
) -> PrunePlan:
    """Decide about each version, those of some templates only where these are named; `now` has a time zone.

    A version goes only if nothing that lives stands on it, at any depth, and no policy keeps it.
    """
    by_template: dict[str, list[GraphVertex]] = {}
    for version in sorted(graph.versions, key=lambda version: (version.place, graph.versions[version].order)):
        by_template.setdefault(version.place, []).append(version)
    keeper = KeepCollector(graph, by_template)
    keeper.keep_used()
    asked: list[GraphVertex] = []
    for template, versions in by_template.items():
        if templates is not None and template not in templates:
            keeper.keep(dict.fromkeys(versions, "not asked about"))
            continue
        asked += versions
        if template in graph.busy:
            keeper.keep(dict.fromkeys(versions, "a build of the template is under way"))
        else:
            keeper.keep(wanted({version: graph.versions[version] for version in versions}, policy, now))
    bases: dict[GraphVertex, list[GraphVertex]] = {}
    for file, base in graph.bases.items():
        bases.setdefault(base.version, []).append(file)
    decisions = (_decide(version, graph.versions[version], keeper.kept, bases) for version in asked)
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
    return PruneDecision(version, False, f"{reason}, and nothing stands on it", facts.bytes, own)


class KeepCollector:
    """Collects what is kept: `kept` has why. All that kept things stand on is in it, too."""

    def __init__(self, graph: DependencyGraph, by_template: Mapping[str, list[GraphVertex]]) -> None:
        self.kept: dict[GraphVertex, str] = {}
        self._graph = graph
        self._by_template = by_template

    def keep_used(self) -> None:
        """Keep what something stands on that lives by itself. Channels come first: their reason says most."""
        rank = {"channel": 0, "domain": 1, "clone": 2, "build": 3}
        for root in sorted(self._graph.roots, key=lambda root: (rank.get(root.kind, 4), root)):
            word = "points to it" if root.kind == "channel" else "stands on it"
            self._follow([root], f"{root} {word}")

    def keep(self, versions: Mapping[GraphVertex, str]) -> None:
        """Keep versions, each for its reason."""
        fresh = {version: reason for version, reason in versions.items() if version not in self.kept}
        self.kept |= fresh
        self._follow(fresh, "")

    def _follow(self, start: Iterable[GraphVertex], reason: str) -> None:
        """Keep all that some things stand on, at any depth."""
        queue = deque(start)
        while queue:
            at = queue.popleft()
            why = reason if reason and at.kind != "version" else f"{at} stands on it"
            for thing in sorted(self._graph.below.get(at, ())):
                if thing not in self.kept:
                    self.kept[thing] = why
                    queue.append(thing)
            for thing, why in self._may_be_below(at):
                if thing not in self.kept:
                    self.kept[thing] = why
                    queue.append(thing)

    def _may_be_below(self, at: GraphVertex) -> Iterator[tuple[GraphVertex, str]]:
        if blind := self._graph.blind.get(at):
            for template in self._by_template if blind.templates is None else sorted(blind.templates):
                for version in self._by_template.get(template, ()):
                    yield version, f"{at} may stand on it: {blind.reason}"


def wanted(
    versions: Mapping[GraphVertex, VersionFacts], policy: RetentionPolicy, now: datetime
) -> dict[GraphVertex, str]:
    """The versions of one template, the oldest first, that are kept although nothing stands on them, and why."""
    kept: dict[GraphVertex, str] = {}
    good: list[GraphVertex] = []
    failed: list[GraphVertex] = []
    for version, facts in versions.items():
        if facts.created is None:
            kept[version] = "its manifest cannot be read"
        elif facts.created > now:
            # The clock jumped back since, or was ahead then: nobody knows what is newer.
            kept[version] = "it is from the future, by this host's clock"
        else:
            (failed if facts.failed else good).append(version)
            if not facts.failed and (reason := _wanted_alone(facts, policy, now)):
                kept[version] = reason
    kept |= dict.fromkeys(_last(failed, policy.keep_failed), f"of the last {policy.keep_failed} that failed")
    kept |= dict.fromkeys(_last(good, policy.keep_last), f"of the last {policy.keep_last}")
    return kept | dict.fromkeys(_last(good, 1), "the newest good version")


def _wanted_alone(facts: VersionFacts, policy: RetentionPolicy, now: datetime) -> str | None:
    """Why a good version is kept, whatever others there are; None where it is not."""
    if former := sorted(facts.former_of & policy.keep_channels):
        return f"a rollback of the channel {former[0]} goes to it"
    assert facts.created is not None
    if policy.keep_days is not None and now - facts.created < timedelta(days=policy.keep_days):
        return f"not {policy.keep_days} days old"
    return None


def _last(versions: list[GraphVertex], count: int) -> list[GraphVertex]:
    return versions[max(0, len(versions) - count) :]
