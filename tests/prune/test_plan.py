"""What is kept and what is removed: for any graph, nothing that is in use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.prune.graph import BaseVolume, BrokenChain, DependencyGraph, GraphVertex, Kind, VersionFacts
from builder.prune.plan import PrunePlan, RetentionPolicy, plan_prune

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
STRICT = RetentionPolicy(keep_last=0, keep_failed=0)
"""A policy that keeps nothing."""


def version(number: int, template: str = "web") -> GraphVertex:
    return GraphVertex("version", template, f"20261101.{number}-00000000")


def facts(number: int, days: float = 100, failed: bool = False, **more: frozenset[str]) -> VersionFacts:
    return VersionFacts(("20261101", number), NOW - timedelta(days=days), failed, 10, **more)


def file(name: str) -> GraphVertex:
    return GraphVertex("file", "this host", f"/pool/{name}")


def removed(plan: PrunePlan) -> list[GraphVertex]:
    return [decision.version for decision in plan.removed]


def kept(plan: PrunePlan) -> dict[str, str]:
    return {str(decision.version): decision.reason for decision in plan.decisions if decision.keep}


def test_the_newest_good_version_stays() -> None:
    versions = {version(1): facts(1), version(2): facts(2), version(3): facts(3, failed=True)}
    plan = plan_prune(DependencyGraph(versions), STRICT, NOW)
    assert removed(plan) == [version(1), version(3)]
    assert kept(plan) == {str(version(2)): "the newest good version"}
    assert plan.bytes == 20
    assert [decision.reason for decision in plan.removed] == [
        "no policy keeps it, and nothing uses it",
        "it failed its verification, and nothing uses it",
    ]


def test_policies_add_up() -> None:
    ages = {1: 50, 2: 6.9, 3: 40, 4: 30, 5: 20, 6: 10}
    versions = {version(number): facts(number, days, failed=number in (1, 5, 6)) for number, days in ages.items()}
    versions[version(3)] = facts(3, 40, rollback_of=frozenset({"stable"}))
    versions[version(0)] = facts(0, 60)
    policy = RetentionPolicy(keep_last=1, keep_days=7, keep_failed=1, keep_channels=frozenset({"stable"}))
    assert kept(plan_prune(DependencyGraph(versions), policy, NOW)) == {
        str(version(2)): "less than 7 days old",
        str(version(3)): "a rollback of the channel stable returns to it",
        str(version(4)): "the newest good version",
        str(version(6)): "the newest failed version",
    }
    assert kept(plan_prune(DependencyGraph(versions), RetentionPolicy(keep_last=2, keep_failed=0), NOW)) == {
        str(version(3)): "one of the newest 2 good versions",
        str(version(4)): "the newest good version",
    }


def test_what_age_cannot_be_told_of() -> None:
    """A creation time in the future and a damaged manifest; neither counts as one of the newest."""
    versions = {
        version(1): facts(1),
        version(2): facts(2),
        version(3): VersionFacts(("20261101", 3), None),
        version(4): facts(4, days=-1),
    }
    assert kept(plan_prune(DependencyGraph(versions), STRICT, NOW)) == {
        str(version(2)): "the newest good version",
        str(version(3)): "its manifest cannot be read",
        str(version(4)): "its creation time is in the future",
    }


def test_what_stands_on_a_version_is_named() -> None:
    child, domain, overlay, base = (
        version(1, "shop"),
        GraphVertex("domain", "qemu:///system", "n1"),
        file("n1"),
        file("b"),
    )
    channel = GraphVertex("channel", "web", "stable")
    versions = {version(number): facts(number) for number in range(1, 6)} | {child: facts(1)}
    below = {
        channel: frozenset({version(1)}),
        domain: frozenset({overlay}),
        overlay: frozenset({base}),
        base: frozenset({version(2)}),
        child: frozenset({version(3)}),
        file("b4"): frozenset({version(4)}),
    }
    graph = DependencyGraph(
        versions,
        below,
        frozenset({channel, domain, overlay}),
        bases={
            base: BaseVolume(version(2), "qemu:///system", "default", "b"),
            file("b4"): BaseVolume(version(4), "qemu:///system", "default", "b4"),
            file("b9"): BaseVolume(version(9), "qemu:///system", "default", "b9"),
        },
    )
    plan = plan_prune(graph, STRICT, NOW)
    assert kept(plan) == {
        str(version(1)): "the channel stable points to it",
        str(version(2)): "the domain n1 on qemu:///system uses it",
        str(version(3)): f"{child} is based on it",
        str(version(5)): "the newest good version",
        str(child): "the newest good version",
    }
    (gone,) = plan.removed
    assert (gone.version, gone.bases) == (version(4), (file("b4"),))
    assert plan.stray == (file("b9"),), "its version was being removed when somebody was killed"


def test_a_chain_that_cannot_be_followed() -> None:
    versions = {version(1): facts(1), version(2): facts(2), version(1, "db"): facts(1), version(2, "db"): facts(2)}
    broken = file("broken")
    for templates, stays in ((frozenset({"web"}), [version(1, "db")]), (None, [])):
        graph = DependencyGraph(versions, {}, frozenset({broken}), {broken: BrokenChain("it is gone", templates)})
        plan = plan_prune(graph, STRICT, NOW)
        assert removed(plan) == stays
        assert kept(plan)[str(version(1))] == f"{broken} may be based on it: it is gone"


def test_a_build_under_way_keeps_its_template() -> None:
    versions = {version(1): facts(1), version(2): facts(2), version(1, "db"): facts(1), version(2, "db"): facts(2)}
    assert removed(plan_prune(DependencyGraph(versions, building=frozenset({"web"})), STRICT, NOW)) == [
        version(1, "db")
    ]


def test_only_of_some_templates() -> None:
    """The versions of other templates stay."""
    child = version(1, "shop")
    versions = {version(1): facts(1), version(2): facts(2), version(3): facts(3)}
    versions |= {child: facts(1), version(2, "shop"): facts(2)}
    graph = DependencyGraph(versions, {child: frozenset({version(1)})})
    assert removed(plan_prune(graph, STRICT, NOW, ["web"])) == [version(2)]
    assert removed(plan_prune(graph, STRICT, NOW)) == [child, version(1), version(2)]


# --- any graph ---------------------------------------------------------------------------------

TEMPLATES = ("web", "db", "shop")
KINDS: tuple[Kind, ...] = ("channel", "domain", "clone", "build")


@st.composite
def graphs(draw: st.DrawFn) -> DependencyGraph:
    """Versions, channels, children, and chains of files of any depth, including cycles and broken chains."""
    versions = {
        GraphVertex("version", template, f"20261101.{number}-00000000"): VersionFacts(
            ("20261101", number),
            draw(st.none() | st.floats(-5, 60).map(lambda days: NOW - timedelta(days=days))),
            draw(st.booleans()),
            1,
            draw(st.frozensets(st.sampled_from(("latest", "stable")))),
        )
        for template in TEMPLATES
        for number in range(1, draw(st.integers(1, 7)))
    }
    users = [
        GraphVertex(kind, "a", f"{kind}{number}")
        for kind in ("channel", "domain", "clone", "build")
        for number in (1, 2)
    ]
    disks = [file(str(number)) for number in range(draw(st.integers(0, 20)))]
    anything = [*versions, *users, *disks, GraphVertex("version", "web", "gone")]
    below = draw(
        st.dictionaries(
            st.sampled_from(anything), st.frozensets(st.sampled_from([*versions, *disks, anything[-1]]), max_size=3)
        )
        if versions or disks
        else st.just({})
    )
    bases = {}
    if disks and versions:
        on = st.sampled_from([*versions]).map(lambda found: BaseVolume(found, "a", "default", "x"))
        bases = draw(st.dictionaries(st.sampled_from(disks), on, max_size=6))
        below |= {disk: below.get(disk, frozenset()) | {base.version} for disk, base in bases.items()}
    roots = draw(st.frozensets(st.sampled_from([*users, *disks]))) - set(bases)
    blind = draw(
        st.dictionaries(
            st.sampled_from([*users, *disks]),
            st.builds(BrokenChain, st.just("x"), st.none() | st.frozensets(st.sampled_from(TEMPLATES))),
            max_size=2,
        )
    )
    return DependencyGraph(
        versions, below, roots, blind, bases, draw(st.frozensets(st.sampled_from(TEMPLATES), max_size=1))
    )


policies = st.builds(
    RetentionPolicy,
    st.integers(0, 4),
    st.none() | st.integers(0, 30),
    st.integers(0, 3),
    st.frozensets(st.sampled_from(("latest", "stable"))),
)


def reachable(graph: DependencyGraph, start: set[GraphVertex]) -> set[GraphVertex]:
    """The transitive closure, by definition: until nothing can be added."""
    found = set(start)
    while True:
        more = {below for thing in found for below in graph.dependencies.get(thing, ())}
        for thing in found & set(graph.broken):
            templates = graph.broken[thing].templates
            more |= {each for each in graph.versions if templates is None or each.place in templates}
        if more <= found:
            return found
        found |= more


def by_policy(graph: DependencyGraph, policy: RetentionPolicy) -> set[GraphVertex]:
    found = set()
    for template in TEMPLATES:
        own = sorted((each for each in graph.versions if each.place == template), key=lambda v: graph.versions[v].order)
        if template in graph.building:
            found |= set(own)
        known = [each for each in own if (made := graph.versions[each].created) and made <= NOW]
        found |= set(own) - set(known)
        good = [each for each in known if not graph.versions[each].failed]
        failed = [each for each in known if graph.versions[each].failed]
        found |= set(good[::-1][: max(1, policy.keep_last)]) | set(failed[::-1][: policy.keep_failed])
        for each in good:
            created = graph.versions[each].created
            assert created
            if policy.keep_days is not None and created > NOW - timedelta(days=policy.keep_days):
                found.add(each)
            if graph.versions[each].rollback_of & policy.keep_channels:
                found.add(each)
    return found


@given(graphs(), policies)
def test_nothing_that_is_needed_goes_and_all_else_does(graph: DependencyGraph, policy: RetentionPolicy) -> None:
    plan = plan_prune(graph, policy, NOW)
    needed = reachable(graph, set(graph.roots) | by_policy(graph, policy))
    assert set(removed(plan)) == set(graph.versions) - needed
    assert {decision.version for decision in plan.decisions} == set(graph.versions)
    assert all(decision.reason for decision in plan.decisions)
    used = reachable(graph, set(graph.roots))
    for decision in plan.removed:
        assert not set(decision.bases) & used, "nothing uses a removed base"
        assert set(decision.bases) == {file for file, base in graph.bases.items() if base.version == decision.version}


@given(graphs(), policies)
def test_a_second_time_there_is_nothing_to_remove(graph: DependencyGraph, policy: RetentionPolicy) -> None:
    gone = set(removed(plan_prune(graph, policy, NOW)))
    rest = DependencyGraph(
        {each: facts for each, facts in graph.versions.items() if each not in gone},
        graph.dependencies,
        graph.roots,
        graph.broken,
        {file: base for file, base in graph.bases.items() if base.version not in gone},
        graph.building,
    )
    assert plan_prune(rest, policy, NOW).removed == ()


@given(graphs(), policies, st.sets(st.sampled_from(TEMPLATES), min_size=1))
def test_asking_about_some_removes_no_more(
    graph: DependencyGraph, policy: RetentionPolicy, templates: set[str]
) -> None:
    some = set(removed(plan_prune(graph, policy, NOW, templates)))
    assert some <= set(removed(plan_prune(graph, policy, NOW)))
    assert {each.place for each in some} <= templates


@pytest.mark.parametrize("count", [0, 1, 5])
def test_keeping_more_than_there_are(count: int) -> None:
    versions = {version(number): facts(number) for number in range(count)}
    assert removed(plan_prune(DependencyGraph(versions), RetentionPolicy(keep_last=9, keep_failed=9), NOW)) == []
