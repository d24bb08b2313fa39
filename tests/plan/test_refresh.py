"""What a plan says of fabricated layers when things changed upstream; the upstream is a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.errors import HostError
from builder.guest.gateway import GATEWAY
from builder.layers import LayerCache
from builder.plan import Plan, Refresh
from builder.plan.refresh import name_of
from builder.upstream import Upstream
from tests.folders import snapshot
from tests.plan.place import Place
from tests.servers import free_port
from tests.upstream.mirror import Mirror, running_mirror

A, B = "dists/bookworm/InRelease", "alma/os/repodata/repomd.xml"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with running_mirror(tmp_path_factory.mktemp("mirror")) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def statuses(plan: Plan) -> str:
    """One letter for each action: reused, or run."""
    return "".join("." if action.reused else "R" for action in plan.actions)


def reasons(plan: Plan) -> list[str]:
    return [action.reason for action in plan.actions if not action.reused]


def keys(plan: Plan) -> list[str]:
    return [action.key for action in plan.actions]


def test_nothing_moved(place: Place, mirror: Mirror) -> None:
    seen = {"touch /a": {mirror.url(A): mirror.put(A, "1")}, "touch /b": {mirror.url(B): mirror.put(B, "1")}}
    place.build(place.plan(), seen)
    mirror.take_answered()
    before = snapshot(place.folder)
    looking = Refresh(upstream=Upstream(place.output.upstream))
    made = place.plan(refresh=looking)
    assert (statuses(made), made.moved, made.renewal) == ("......", (), None)
    assert mirror.take_answered() == [(B, 200), (A, 200)]
    assert snapshot(place.folder) == before, "a plan writes nothing"

    assert looking.upstream
    looking.upstream.save()
    assert statuses(place.look()) == "......"
    assert mirror.take_answered() == [(B, 304), (A, 304)]
    assert statuses(place.plan()) == "......"
    assert mirror.take_answered() == [], "without --refresh nobody is asked"
    assert place.warnings() == []


def test_what_moved_and_all_that_follows_runs(place: Place, mirror: Mirror) -> None:
    old, unmoved = mirror.put(A, "old"), {mirror.url(B): mirror.put(B, "1")}
    first = place.plan()
    place.build(first, {"touch /a": unmoved, "touch /b": unmoved | {mirror.url(A): old}})
    new = mirror.put(A, "new")
    before = snapshot(place.folder)
    made = place.look()
    assert snapshot(place.folder) == before
    assert statuses(made) == "..RRRR"
    assert reasons(made) == ["bookworm changed upstream", *["follows touch /b"] * 3]
    (moved,) = made.moved
    assert moved.to_json() == {
        "url": mirror.url(A),
        "step": "touch",
        "title": "touch /b",
        "before": old,
        "after": new,
    }
    assert keys(made)[:2] == keys(first)[:2]
    assert not set(keys(made)[2:]) & set(keys(first)), "the stale layers stay as they are"
    assert statuses(place.plan()) == "......", "nothing is recorded by a plan"
    assert keys(place.look()) == keys(made)

    stale = LayerCache(place.output.layers).disk(first.steps[1].key).stat()
    place.build(made, {"touch /b": unmoved | {mirror.url(A): new}})
    for again in (place.plan(), place.look()):
        assert (statuses(again), again.moved, keys(again)) == ("......", (), keys(made))
    assert LayerCache(place.output.layers).disk(first.steps[1].key).stat() == stale


def test_a_build_that_fails_after_the_check_is_never_unchanged(place: Place, mirror: Mirror) -> None:
    place.build(place.plan(), {"touch /b": {mirror.url(A): mirror.put(A, "old")}})
    new = {mirror.url(A): mirror.put(A, "new")}
    moved = place.look()
    place.build(moved, {}, until="touch /b")
    for again in (place.plan(), place.look()):
        assert statuses(again) == "..RRRR"
        assert reasons(again)[0] == "bookworm changed upstream"
        assert keys(again) == keys(moved)
    # The next one comes as far as its last step: what is done is used, what is not is made.
    place.build(place.plan(), {"touch /b": new}, until="seal")
    for again in (place.plan(), place.look()):
        assert (statuses(again), again.moved) == ("....RR", ())
    place.build(place.plan(), {})
    assert statuses(place.look()) == "......"


def test_two_steps_that_saw_the_same(place: Place, mirror: Mirror) -> None:
    old = {mirror.url(A): mirror.put(A, "old")}
    place.build(place.plan(), {"touch /a": old, "touch /c": old})
    mirror.put(A, "new")
    mirror.take_answered()
    made = place.look()
    assert statuses(made) == ".RRRRR"
    assert [(each.title, each.before) for each in made.moved] == [("touch /a", old[mirror.url(A)])]
    assert len(mirror.take_answered()) == 1


def test_two_steps_that_saw_it_at_different_times(place: Place, mirror: Mirror) -> None:
    """The later one was added when it had moved already: the earlier is stale, whatever the later says."""
    place.build(place.plan("a", "b"), {"touch /a": {mirror.url(A): mirror.put(A, "old")}})
    new = {mirror.url(A): mirror.put(A, "new")}
    place.build(place.plan("a", "b", "c"), {"touch /c": new})
    made = place.look("a", "b", "c")
    assert statuses(made) == ".RRRRR"
    place.build(made, {"touch /a": new, "touch /c": new})
    assert statuses(place.look("a", "b", "c")) == "......"


def test_upstream_moves_between_the_check_and_the_run(place: Place, mirror: Mirror) -> None:
    url = mirror.url(A)
    one = mirror.put(A, "1")
    place.build(place.plan(), {"touch /b": {url: one}})
    two = mirror.put(A, "2")
    planned = place.look()
    three = mirror.put(A, "3")
    place.build(planned, {"touch /b": {url: three}})
    assert statuses(place.look()) == "......", "the layer saw what there is now"
    assert mirror.put(A, "2") == two
    back = place.look()
    assert statuses(back) == "..RRRR"
    assert keys(back)[2] != keys(planned)[2], "the layer under that key saw something else"
    place.build(back, {"touch /b": {url: two}})
    assert statuses(place.look()) == "......"
    assert mirror.put(A, "1") == one
    assert statuses(place.look()) == "..RRRR", "where it was at first is no reason to go back there"


def test_a_generation_whose_layers_are_gone_is_made_again(place: Place, mirror: Mirror) -> None:
    url = mirror.url(A)
    place.build(place.plan(), {"touch /b": {url: mirror.put(A, "old")}})
    new = mirror.put(A, "new")
    made = place.look()
    place.build(made, {"touch /b": {url: new}})
    LayerCache(place.output.layers).marker(made.steps[1].key).unlink()
    again = place.plan()
    assert (statuses(again), keys(again)) == ("..RRR.", keys(made)), "never the stale ones instead"
    assert not again.changed


def test_layers_that_are_gone_saw_what_the_manifest_tells(place: Place, mirror: Mirror) -> None:
    url = mirror.url(A)
    place.build(place.plan(), {"touch /b": {url: mirror.put(A, "old")}})
    place.forget_layers()
    assert not place.look().changed
    mirror.put(A, "new")
    made = place.look()
    assert statuses(made) == "RRRRRR"
    assert made.changed
    assert reasons(made)[2] == "bookworm changed upstream"
    assert reasons(made)[-1] == f"follows {made.base.title}"


def test_what_a_manifest_may_not_tell_is_looked_at_anew(place: Place, mirror: Mirror) -> None:
    """It has no URLs with passwords. As long as the layer is there, that knows."""
    place.build(place.plan(), {"touch /b": None})
    assert not place.look().changed
    place.forget_layers()
    made = place.look()
    assert made.changed
    assert reasons(made)[2] == "golden has no record of what it saw upstream"


def test_who_cannot_be_asked_is_told_of_once(place: Place, mirror: Mirror) -> None:
    gone = f"127.0.0.1:{free_port()}"
    old = {f"http://me:hunter2@{gone}/{name}/repodata/repomd.xml": "12" for name in ("x", "y")}
    place.build(place.plan(), {"touch /a": old, "touch /b": {mirror.url("none"): "12"}})
    made = place.look()
    assert (statuses(made), made.moved) == ("......", ())
    one, other = place.warnings()
    assert one.startswith(f"cannot check {gone} for changes; what was built from it is kept\n")
    assert "Connection refused" in one
    assert f"{mirror.url('none')}: 404" in other, "what is missing now cannot be built from either"
    with pytest.raises(HostError, match="cannot check upstream for changes") as refused:
        place.look(policy="fail")
    assert "hunter2" not in one + str(refused.value)
    assert gone in str(refused.value)
    assert f"{mirror.url('none')}: 404" in str(refused.value)


def test_what_moved_counts_although_another_server_is_silent(place: Place, mirror: Mirror) -> None:
    silent = {f"http://127.0.0.1:{free_port()}/repodata/repomd.xml": "12"}
    place.build(place.plan(), {"touch /a": silent, "touch /b": {mirror.url(B): mirror.put(B, "old")}})
    mirror.put(B, "new")
    made = place.look()
    assert reasons(made)[0] == f"{mirror.url('alma/os')} changed upstream"
    assert statuses(made) == "..RRRR"
    assert len(place.warnings()) == 1


def test_this_host_as_the_guest_saw_it(place: Place, mirror: Mirror) -> None:
    url = mirror.url(A).replace("127.0.0.1", GATEWAY)
    place.build(place.plan(), {"touch /a": {url: mirror.put(A, "old")}})
    assert statuses(place.look()) == "......"
    new = mirror.put(A, "new")
    assert [(each.url, each.after) for each in place.look().moved] == [(url, new)]


def test_a_guests_own_files_are_not_this_hosts(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "repomd.xml"
    file.write_text("of this host")
    place.build(place.plan(), {"touch /a": {file.as_uri(): "12", "cdrom:[x]/": "12"}})
    assert statuses(place.look()) == "......"
    assert place.warnings() == []


def test_a_base_that_moved(place: Place, mirror: Mirror, tmp_path: Path) -> None:
    mirror.put(A, "old")
    base = f"{{bootstrap: {{distribution: debian, release: bookworm, mirror: '{mirror.folder.as_uri()}'}}}}"
    planned = place.plan(base=base)
    (index,) = planned.base.base.indexes(None)  # type: ignore[arg-type]
    assert index == (mirror.folder / A).as_uri()
    place.build(planned, {planned.base.title: {index: mirror.put(A, "old")}})
    assert statuses(place.plan(base=base, refresh=Refresh())) == "......"
    mirror.put(A, "new")
    made = place.plan(base=base, refresh=Refresh())
    assert statuses(made) == "RRRRRR"
    assert reasons(made)[0] == "bookworm changed upstream"
    place.build(made, {planned.base.title: {index: made.moved[0].after}})
    assert statuses(place.plan(base=base)) == statuses(place.plan(base=base, refresh=Refresh())) == "......"
    # What could not be had when the base was made is another thing than whatever is there now.
    LayerCache(place.output.bases).marker(made.base.key).write_text(
        json.dumps({"id": "1", "parent": None, "log": "", "observations": {index: None}})
    )
    assert statuses(place.plan(base=base, refresh=Refresh()))[0] == "R"


def test_a_base_of_which_nothing_is_known_is_kept_and_told_of(place: Place, mirror: Mirror) -> None:
    base = f"{{bootstrap: {{distribution: debian, release: bookworm, mirror: '{mirror.folder.as_uri()}'}}}}"
    made = place.plan(base=base)
    place.build(made, {})
    marker = LayerCache(place.output.bases).marker(made.base.key)
    record = json.loads(marker.read_text())
    del record["observations"]
    marker.write_text(json.dumps(record))
    assert statuses(place.plan(base=base, refresh=Refresh())) == "......"
    (warning,) = place.warnings()
    assert "records no upstream state" in warning


def test_recipes_that_share_layers(place: Place, mirror: Mirror) -> None:
    """What one finds stale is so for the other; what it makes anew the other uses. Others stay as they are."""
    url, other = mirror.url(A), {mirror.url(B): mirror.put(B, "1")}
    seen = {"touch /a": {url: mirror.put(A, "old")}}
    for name, steps in (("web", "ab"), ("shop", "ac")):
        place.build(place.plan(*steps, name=name), seen)
    place.build(place.plan("x", "y", name="apart"), {"touch /x": other})
    seen = {"touch /a": {url: mirror.put(A, "new")}}
    place.build(place.look(*"ab"), seen)
    shop = place.look(*"ac", name="shop")
    assert statuses(shop) == "..RRR", "the first step is there already"
    assert shop.moved == ()
    assert keys(shop) == keys(place.plan(*"ac", name="shop"))
    place.build(shop, seen)
    assert statuses(place.look(*"ac", name="shop")) == "....."
    assert statuses(place.look("x", "y", name="apart")) == "....."


def test_a_layer_may_be_younger_than_an_answer(place: Place, mirror: Mirror) -> None:
    """Of recipes built together the first took long, and upstream moved meanwhile."""
    url = mirror.url(A)
    place.build(place.plan(*"ab"), {"touch /a": {url: mirror.put(A, "1")}})
    place.build(place.plan(*"ac", name="shop"), {})
    mirror.put(A, "2")
    together = Refresh(upstream=Upstream(place.output.upstream))
    first = place.plan(*"ab", refresh=together)
    place.build(first, {"touch /a": {url: mirror.put(A, "3")}})
    shop = place.plan(*"ac", name="shop", refresh=together)
    assert (statuses(shop), shop.moved) == ("..RRR", ())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"nonce": 1}', b"\xff"])
def test_a_damaged_generation_is_begun_anew(place: Place, mirror: Mirror, content: bytes) -> None:
    place.build(place.plan(), {"touch /b": {mirror.url(A): mirror.put(A, "old")}})
    new = {"touch /b": {mirror.url(A): mirror.put(A, "new")}}
    place.build(place.look(), new)
    (pointer,) = place.output.layers.glob("*.fresh")
    pointer.write_bytes(content)
    made = place.plan()
    assert statuses(made) == "..RRRR", "the stale layer is never taken for the newest"
    place.build(made, new)
    assert statuses(place.look()) == "......"


def test_ten_recipes_ask_once(place: Place, mirror: Mirror) -> None:
    seen = {f"touch /{step}": {mirror.url(name): mirror.put(name, "1")} for step, name in (("a", A), ("b", B))}
    names = [f"web{number}" for number in range(10)]
    for name in names:
        place.build(place.plan("a", name, "b", name=name), seen)
    mirror.take_answered()
    together = Refresh(upstream=Upstream(place.output.upstream))
    assert {statuses(place.plan("a", name, "b", name=name, refresh=together)) for name in names} == {"......"}
    assert len(mirror.take_answered()) == 2


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://me:x@m/debian/dists/bookworm-backports/InRelease", "bookworm-backports"),
        ("http://m/debian/dists/bookworm/updates/Release", "bookworm/updates"),
        ("http://m/./InRelease", "http://m/."),
        ("ftp://me:x@m/os/repodata/repomd.xml", "ftp://me:***@m/os"),
    ],
)
def test_names_of_repositories(url: str, name: str) -> None:
    assert name_of(url) == name


INDEXES = [f"property/{name}/repodata/repomd.xml" for name in "pqrs"]


@pytest.mark.slow  # ten seconds of a real server
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_exactly_from_the_first_stale_step_on(
    data: st.DataObject, mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever steps saw, whatever moves, and however far each build comes."""
    place = Place(tmp_path_factory.mktemp("chain"))
    steps = [f"s{number}" for number in range(data.draw(st.integers(1, 5)))]
    sees = {step: data.draw(st.sets(st.sampled_from(INDEXES), max_size=2)) for step in steps}
    now = {name: mirror.put(name, "0") for name in INDEXES}
    saw: dict[str, dict[str, str]] = {}

    def build(plan: Plan, until: str = "publish") -> None:
        """Of what runs, note what it sees."""
        for action in plan.steps:
            if action.title == until:
                break
            if not action.reused:
                saw[action.key] = {name: now[name] for name in sees[action.title.removeprefix("touch /")]}
        place.build(
            plan,
            {each.title: {mirror.url(n): v for n, v in saw.get(each.key, {}).items()} for each in plan.steps},
            until,
        )

    build(place.plan(*steps))
    apart = place.plan("apart", name="apart")
    place.build(apart, {})
    for round_ in range(data.draw(st.integers(1, 4))):
        for name in data.draw(st.sets(st.sampled_from(INDEXES), max_size=2)):
            now[name] = mirror.put(name, f"{data.draw(st.integers(0, 2))} {round_ % 2}")
        before = place.plan(*steps)
        done = [action.reused for action in before.actions]
        made = place.look(*steps)
        stale = [
            number
            for number, action in enumerate(before.steps, 1)
            if action.reused and any(now[name] != value for name, value in saw[action.key].items())
        ]
        first = min([*stale, *(number for number, reused in enumerate(done) if not reused)], default=len(done))
        assert [action.reused for action in made.actions] == [number < first for number in range(len(done))]
        assert bool(made.moved) == bool(stale)
        assert made.changed == (first < len(done))
        titles = [action.title for action in made.actions[:-1]]
        build(made, data.draw(st.sampled_from([*titles, "publish", "publish"])))
        assert statuses(place.look("apart", name="apart")) == "...."
    build(place.look(*steps))
    for again in (place.plan(*steps), place.look(*steps)):
        assert not again.changed
        assert "R" not in statuses(again)
