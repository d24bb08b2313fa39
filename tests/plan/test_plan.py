"""What a plan says, of real recipes on fabricated caches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.events import Event, Notice
from builder.layers import Layer, LayerCache
from builder.paths import Output
from builder.plan import Action, Plan, make_plan
from builder.recipe import load
from builder.store import Store
from tests.folders import snapshot
from tests.store.manifests import make_action, make_manifest

# It names its mirror, so that this host's own is not asked.
BASE = "base: {bootstrap: {distribution: debian, release: bookworm, mirror: http://mirror.example/debian}}"
STEPS = (
    "timezone: Europe/London",
    "root-password: {env: ROOT_PASSWORD}",
    "hostname: node",
    'upload: {source: files/motd, path: /etc/motd, mode: "0644", owner: "root:root"}',
    "write: {path: /etc/issue, content: hello}",
)
TITLES = [
    "bootstrap debian bookworm",
    "timezone Europe/London",
    "hostname node",
    "upload /etc/motd",
    "write /etc/issue",
]
TITLES += ["root-password", "seal", "publish"]
"""Of the actions, in their order: passwords are set after all other steps."""

PASSWORD = "correct horse"
SECRET_KEY = b"0123456789abcdef0123456789abcdef"

MakePlan = Callable[..., Plan]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Output:
    """An output folder with a secret key, beside the recipe's files."""
    monkeypatch.setenv("ROOT_PASSWORD", PASSWORD)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/motd").write_text("welcome\n")
    place = Output(tmp_path / "output")
    place.cache.mkdir(parents=True)
    place.secret_key.write_bytes(SECRET_KEY)
    return place


@pytest.fixture
def plan(place: Output, tmp_path: Path) -> MakePlan:
    """Plans a recipe of those steps, with further lines of YAML beside."""

    def plan(*steps: str, beside: str = "", base: str = BASE, at: Output = place) -> Plan:
        file = tmp_path / "recipe.yaml"
        listed = "".join(f"  - {step}\n" for step in steps or STEPS)
        file.write_text(f"name: web\n{base}\n{beside}\nsteps:\n{listed}")
        return make_plan(load(file), at)

    return plan


def fill(place: Output, plan: Plan, wanted: Callable[[Action], bool] = lambda action: True) -> None:
    """Put the layers of a plan into the caches, as a build leaves them; only the wanted ones."""
    parent: Layer | None = None
    for action in plan.actions[:-1]:
        cache = LayerCache(place.bases if parent is None else place.layers)
        found = cache.find(action.key, parent)
        if found is None:
            staged = cache.staging("test", 1)
            staged.write_text("a disk")
            assert cache.commit(action.key, staged, {"log": ""}, parent)
            found = cache.find(action.key, parent)
        assert found is not None
        parent = found
    for action in plan.actions[:-1]:
        if not wanted(action):
            (place.bases if action is plan.base else place.layers).joinpath(f"{action.key}.json").unlink()


def publish(place: Output, plan: Plan, *, latest: bool = True) -> None:
    """Publish a version, as a build of that plan would; `latest` names it, unless that build was killed before."""
    store = Store(place.templates)
    staged = place.root / "staged"
    staged.mkdir(parents=True)
    (staged / "disk.qcow2").write_text("a disk")
    actions = [make_action(action.step, key=action.key, digest=action.digest) for action in plan.actions]
    name = f"20261123.{len(store.versions('web')) + 1}-00000000"
    manifest = make_manifest("web", name, key=plan.publish.key, actions=actions)
    (staged / "manifest.json").write_text(json.dumps(manifest))
    store.admit(staged, "web", name)
    if latest:
        store.point("web", "latest", name)


def told(plan: Plan) -> list[str]:
    """The plan as `golden plan` prints it, without padding."""
    return [f"{'reuse' if action.reused else 'run'} {action.title}: {action.reason}" for action in plan.actions]


def run(*parts: str) -> list[str]:
    return [f"run {part}" for part in parts]


def reuse(count: int) -> list[str]:
    return [f"reuse {title}: in the cache" for title in TITLES[:count]]


def test_nothing_is_built(plan: MakePlan) -> None:
    made = plan()
    assert told(made) == run(*(f"{title}: never built" for title in TITLES))
    assert [action.step for action in made.actions] == [
        *("base", "timezone", "hostname", "upload", "write", "root-password", "seal", "publish")
    ]
    assert made.changed
    assert made.current is None


def test_planning_writes_nothing(plan: MakePlan, place: Output, tmp_path: Path) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    before = snapshot(tmp_path)
    make_plan(made.recipe, place)
    assert snapshot(tmp_path) == before
    make_plan(made.recipe, Output(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_all_is_built(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    assert told(plan()) == [*reuse(7), "run publish: never built"]
    publish(place, made)
    again = plan()
    assert told(again) == [*reuse(7), "reuse publish: published"]
    assert not again.changed
    assert [action.key for action in again.actions] == [action.key for action in made.actions]


def test_an_edited_step_and_all_that_follows(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    edited = [step.replace("hostname: node", "hostname: other") for step in STEPS]
    assert told(plan(*edited)) == reuse(2) + run(
        "hostname other: its options changed",
        *(f"{title}: follows hostname other" for title in TITLES[3:]),
    )


def test_a_step_more(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    assert told(plan(*STEPS[:3], "locale: en_US.UTF-8", *STEPS[3:])) == reuse(3) + run(
        "locale en_US.UTF-8: new in the recipe",
        *(f"{title}: follows locale en_US.UTF-8" for title in TITLES[3:]),
    )


def test_a_step_less(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    assert told(plan(*STEPS[1:])) == reuse(1) + run(
        "hostname node: the steps before it changed", *(f"{title}: follows hostname node" for title in TITLES[3:])
    )


def test_steps_that_changed_places(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    first, *others = STEPS
    assert told(plan(*others, first))[:2] == [*reuse(1), "run hostname node: the steps before it changed"]


def test_another_base(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    expected = run(f"{TITLES[0]}: its options changed", *(f"{title}: follows {TITLES[0]}" for title in TITLES[1:]))
    assert told(plan(beside="size: 8G")) == expected
    assert told(plan(beside="firmware: uefi")) == [*expected[:-1], "run publish: its options changed"]
    assert told(plan(beside="firmware: bios")) == [*reuse(7), "reuse publish: published"]
    assert told(plan(base=BASE.replace("mirror:", "packages: [curl], mirror:"))) == expected


@pytest.mark.parametrize("missing", range(7))
def test_after_a_missing_layer_all_runs(plan: MakePlan, place: Output, missing: int) -> None:
    made = plan()
    fill(place, made, lambda action: action is not made.actions[missing])
    assert told(plan()) == reuse(missing) + run(*(f"{title}: never built" for title in TITLES[missing:]))
    publish(place, made)
    (place.templates / "web/20261123.1-00000000/disk.qcow2").unlink()
    follows = [f"{title}: follows {TITLES[missing]}" for title in TITLES[missing + 1 :]]
    assert told(plan()) == reuse(missing) + run(f"{TITLES[missing]}: no longer in the cache", *follows)


def test_a_layer_on_another_parent_is_no_layer(plan: MakePlan, place: Output) -> None:
    """The base was made again: the same key, other blocks."""
    made = plan()
    fill(place, made)
    LayerCache(place.bases).marker(made.base.key).write_text('{"id": "another", "parent": null}')
    assert told(plan()) == reuse(1) + run(*(f"{title}: never built" for title in TITLES[1:]))


def test_a_published_version_needs_no_layers(plan: MakePlan, place: Output) -> None:
    publish(place, plan())
    made = plan()
    assert not made.changed
    assert told(made)[-2:] == [f"run seal: follows {TITLES[0]}", "reuse publish: published"]


def test_a_published_version_without_its_disk_is_published_again(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    assert made.publish.key == plan().publish.key
    (place.templates / "web/20261123.1-00000000/disk.qcow2").unlink()
    assert told(plan())[-1] == "run publish: no longer in the cache"
    assert plan().changed


@pytest.mark.parametrize("beside", ["summary: new", "domain: {vcpus: 3}", "publish: {compress: zstd}"])
def test_what_only_the_publication_has(plan: MakePlan, place: Output, beside: str) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    assert told(plan(beside=beside)) == [*reuse(7), "run publish: its options changed"]


def test_what_only_the_seal_has(plan: MakePlan, place: Output) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    expected = reuse(6) + run("seal: its options changed", "publish: follows seal")
    assert told(plan(beside="seal: {skip: [machine-id]}")) == expected


@pytest.mark.parametrize("content", ["{", "{}", '{"key": []}'])
def test_a_damaged_version_is_said_and_counts_as_none(plan: MakePlan, place: Output, content: str) -> None:
    made = plan()
    fill(place, made)
    publish(place, made)
    manifest = place.templates / "web/20261123.1-00000000/manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(content)
    heard: list[Event] = []
    again = make_plan(made.recipe, place, heard.append)
    assert told(again) == [*reuse(7), "run publish: the last version is damaged"]
    assert again.current is None
    (notice,) = heard
    assert isinstance(notice, Notice)
    assert notice.warning
    assert notice.text.startswith(f"{manifest}: the manifest of web:20261123.1-00000000 ")


def keys(plan: Plan) -> dict[str, str]:
    return {action.step: action.key for action in plan.actions}


def differing(one: Plan, other: Plan) -> list[str]:
    return [step for step, key in keys(one).items() if keys(other)[step] != key]


def test_an_input_file_is_known_by_its_contents(plan: MakePlan, tmp_path: Path) -> None:
    made = plan()
    (tmp_path / "files/motd").rename(tmp_path / "files/other")
    (tmp_path / "files/motd").write_text("welcome\n")
    assert differing(made, plan()) == []
    (tmp_path / "files/motd").write_text("go away\n")
    assert differing(made, plan()) == ["upload", "write", "root-password", "seal", "publish"]


def test_a_secret_is_known_by_a_keyed_digest(
    plan: MakePlan, place: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan()
    assert PASSWORD not in repr(made)
    assert SECRET_KEY.decode() not in repr(made)
    after = ["root-password", "seal", "publish"]

    monkeypatch.setenv("ROOT_PASSWORD", "another")
    assert differing(made, plan()) == after
    monkeypatch.setenv("ROOT_PASSWORD", PASSWORD)
    assert differing(made, plan()) == []
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert differing(made, plan(*(step.replace("env: ROOT_PASSWORD", "file: password") for step in STEPS))) == []

    place.secret_key.write_bytes(b"another key")
    assert differing(made, plan()) == after
    place.secret_key.unlink()
    assert differing(plan(), plan()) == after, "without a lasting key each plan has its own"


def test_golden_digests(plan: MakePlan) -> None:
    """What stands here decides whether anybody's cache is still of use.

    When this fails, somebody changed what a key is made of. If a layer made before the change is not
    what would be made now, that is right: raise the version of the step, base or operation (or SCHEMA
    of the plan), and write the new digests here. If it is the same, keep the key as it was. A change
    of the seal's operations changes the last two alone.
    """
    assert keys(plan()) == {
        "base": "5ee54a8379bba3cd29d87407ef1224014c554887450697b1f49920a4ca2457ba",
        "timezone": "809966ecd45f9f3d16e43bec20dbf73ee682b1670e88f145e46da6815e6de9e9",
        "hostname": "58e2387e574db3c6003ee63f9e15b55c04b3e0c9ac44b167b0b08657d312466c",
        "upload": "5144c47b47095e9e7ad2b6276839ef818b64f733222098d651c62062bc170530",
        "write": "ca2fa45b600e8efdc3ab2f4a127039affaf5152fa46a2529d7eb25851557bc0a",
        "root-password": "1e1637c6f17d66be41c0a749176093164df2d7a6cc35ae8bc0c859dc7ab62bb0",
        "seal": "c50ca123aa38353d1bedcab78d86c6652847ad335ae200079c3da62d9a4847c5",
        "publish": "c02aa2af2bb9e6e9383d5603eb031f1d07f1a1244da57c3f1e5c137a40754894",
    }


def test_golden_digests_of_bases(plan: MakePlan, tmp_path: Path) -> None:
    """As above, of the kinds of base that are not in there."""
    (tmp_path / "key").write_text("a key")
    (tmp_path / "disk.img").write_text("a disk")
    repos = "[{id: a, baseurl: 'http://x/$basearch', gpgkey: key}, {id: b, baseurl: packages, gpgkey: key}]"
    dnf = f"base: {{bootstrap: {{distribution: almalinux, release: '9', packages: [lftp], repos: {repos}}}}}"
    bases = {"dnf": dnf, "debian": BASE, "image": "base: {image: disk.img}"}
    # An option that is wrong on this host is lint's to tell; the key does not need the folder.
    (tmp_path / "packages/repodata").mkdir(parents=True)
    (tmp_path / "packages/repodata/repomd.xml").touch()
    found = {
        f"{name} {firmware}": plan(base=base, beside=f"firmware: {firmware}").base.key[:16]
        for name, base in bases.items()
        for firmware in ("bios", "uefi")
    }
    assert found == {
        "debian bios": "5ee54a8379bba3cd",
        "debian uefi": "35c791e790596f81",
        "dnf bios": "7da121e6cf17a4ad",
        "dnf uefi": "f2029e339b448f68",
        "image bios": "44c4eee642fa818b",
        "image uefi": "75e5bf524a41d6a9",
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), contents=st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_a_changed_option_changes_its_step_and_all_after_it(
    plan: MakePlan, data: st.DataObject, contents: list[str]
) -> None:
    index = data.draw(st.integers(0, len(contents) - 1))
    changed = [*contents]
    changed[index] = data.draw(st.sampled_from("xyz"))
    one, other = (
        plan(*(f"write: {{path: /etc/file, content: {content}}}" for content in steps)) for steps in (contents, changed)
    )
    same = [first.key == second.key for first, second in zip(one.actions, other.actions, strict=True)]
    unchanged = 1 + index  # the base, and the steps before
    assert same == [True] * unchanged + [False] * (len(same) - unchanged)
    own = [first.digest == second.digest for first, second in zip(one.actions, other.actions, strict=True)]
    assert own == [number != unchanged for number in range(len(own))], "of itself alone, only that step changed"
    assert len({action.key for action in one.actions}) == len(one.actions)
