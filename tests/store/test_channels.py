"""Channels: promote, rollback, and a history that is correct even after a killed process."""

from __future__ import annotations

import getpass
import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from builder.cli import app
from builder.errors import InUseError, RequestError
from builder.store import ChannelMove, Store, history
from builder.store.channels import current_user
from tests.crashes import every_death
from tests.store.test_store import make

A, B, C = "20261121.1-aaaaaaaa", "20261122.1-bbbbbbbb", "20261123.1-cccccccc"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "templates")
    for name in (A, B, C):
        make(store, name)
    return store


def fail(store: Store, version: str, passed: bool = False) -> None:
    folder = store.folder / "web/verification" / version
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"passed": passed}))


def told(store: Store) -> list[tuple[str, str, str | None, str]]:
    return [(move.how, move.channel, move.before, move.to) for move in store.history("web")]


def test_every_move_is_written_down(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    store.point("web", "latest", A, why="built from web.yaml")
    store.promote("web", A, "stable", "it works", "bob@example")
    store.point("web", "latest", B)
    store.rollback("web", why="no network")
    assert told(store) == [
        ("publish", "latest", None, A),
        ("promote", "stable", None, A),
        ("publish", "latest", A, B),
        ("rollback", "latest", B, A),
    ]
    first, second, *_ = store.history("web")
    assert (first.who, first.why) == (f"ann@{os.uname().nodename}", "built from web.yaml")
    assert (second.who, second.why) == ("bob@example", "it works")
    assert first.when.endswith("+00:00")
    assert store.channels("web") == {"latest": A, "stable": A}
    assert [version.name for version in store.versions("web")] == [A, B, C], "the other entries are no versions"


def test_clones_of_stable_get_what_it_is_then(store: Store) -> None:
    store.promote("web", A, "stable")
    assert store.find("web@stable").name == A
    store.promote("web", C, "stable")
    assert store.find("web@stable").name == C


def test_promoting_twice_is_one_move(store: Store) -> None:
    store.promote("web", A, "stable")
    move = store.promote("web", A, "stable")
    assert move.before == move.to == A
    assert len(store.history("web")) == 1


def test_what_is_refused(store: Store) -> None:
    store.promote("web", A, "stable")
    fail(store, B)
    fail(store, C, passed=True)
    before = told(store)
    with pytest.raises(RequestError, match="has no version"):
        store.promote("web", "20261124.1-dddddddd", "stable")
    with pytest.raises(RequestError, match="no such template: wep"):
        store.promote("wep", A, "stable")
    with pytest.raises(InUseError, match=f"web:{B} failed its verification"):
        store.promote("web", B, "stable")
    with pytest.raises(InUseError, match="failed its verification"):
        store.rollback("web", "stable", to=B)
    with pytest.raises(RequestError, match="has no channel beta"):
        store.rollback("web", "beta", to=C)
    with pytest.raises(RequestError, match="has no version"):
        store.point("web", "latest", "20261124.1-dddddddd")
    assert told(store) == before
    store.promote("web", B, "stable", force=True)
    store.promote("web", C, "stable")
    assert store.channels("web") == {"stable": C}


@pytest.mark.parametrize(
    "name", ["", "Stable", "1st", A, "history.jsonl", "verification", "a/b", "..", ".x", "a_b", "x" * 64, "stable\n"]
)
def test_names_of_channels(store: Store, name: str) -> None:
    with pytest.raises(RequestError, match="invalid channel name"):
        store.promote("web", A, name)
    with pytest.raises(RequestError, match="invalid channel name"):
        store.rollback("web", name)
    assert store.channels("web") == {}


def test_rolling_back_goes_further_each_time(store: Store) -> None:
    for version in (A, B, C):
        store.point("web", "latest", version)
    assert store.rollback("web").move.to == B
    assert store.rollback("web").move.to == A
    with pytest.raises(RequestError, match="has no previous version: it has always pointed to"):
        store.rollback("web")
    store.point("web", "latest", C)
    assert store.rollback("web").move.to == A, "what was rolled back is not on the way"
    assert store.rollback("web", to=C).move.to == C
    assert store.rollback("web").move.to == A


def test_rolling_back_passes_over_what_cannot_be_used(store: Store) -> None:
    for version in (A, B, C):
        store.point("web", "latest", version)
    fail(store, B)
    done = store.rollback("web")
    assert (done.move.to, done.skipped) == (A, (f"web:{B} failed its verification",))
    store.rollback("web", to=C)
    shutil.rmtree(store.folder / "web" / A)
    with pytest.raises(RequestError) as caught:
        store.rollback("web")
    assert caught.value.details == f"web:{A} was removed"
    assert store.channels("web") == {"latest": C}


def test_a_channel_that_was_moved_by_hand(store: Store) -> None:
    """Or before golden kept a history."""
    (store.folder / "web/latest").symlink_to(A)
    store.point("web", "latest", B)
    assert store.rollback("web").move.to == A
    (store.folder / "web/latest").unlink()
    (store.folder / "web/latest").symlink_to(C)
    assert store.rollback("web").move.to == A
    assert told(store)[-1] == ("rollback", "latest", C, A)


def test_a_clock_that_jumps_back(store: Store) -> None:
    store.point("web", "latest", A)
    file = store.folder / "web/history.jsonl"
    old = file.read_text()
    file.write_text(old.replace('"when": "2026', '"when": "2099'))
    store.point("web", "latest", B)
    assert [move.to for move in store.history("web")] == [A, B]
    assert store.rollback("web").move.to == A


@pytest.mark.parametrize(
    "torn", ['{"when": "2026', "\0\0\0", '{"when": 5}\n', "[]\n", "é".encode()[:1].decode("latin1")]
)
def test_a_torn_last_line(store: Store, torn: str) -> None:
    store.point("web", "latest", A)
    with (store.folder / "web/history.jsonl").open("a") as file:
        file.write(torn)
    assert [move.to for move in store.history("web")] == [A]
    store.point("web", "latest", B)
    assert [move.to for move in store.history("web")] == [A, B]
    assert store.rollback("web").move.to == A


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_no_error(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    file = tmp_path_factory.mktemp("history") / "history.jsonl"
    moves = [ChannelMove("now", "me", "publish", "", "latest", before, to) for before, to in ((None, A), (A, B))]
    for move in moves:
        history.append(file, move)
    content = file.read_bytes()
    file.write_bytes(content[:at] + noise + content[at:])
    untouched = content[:at].count(b"\n")
    assert history.read(file, {"latest": B})[:untouched] == moves[:untouched]
    history.repair(file, {"latest": B})
    history.append(file, moves[0])
    assert history.read(file, {"latest": A})[-1] == moves[0]


@pytest.mark.parametrize("work", ["promote", "rollback", "first"])
def test_killed_at_any_moment(store: Store, tmp_path: Path, work: str) -> None:
    if work != "first":
        store.point("web", "latest", A)
        store.point("web", "latest", B)
    shutil.copytree(store.folder, tmp_path / "saved", symlinks=True)

    def restore() -> None:
        shutil.rmtree(store.folder)
        shutil.copytree(tmp_path / "saved", store.folder, symlinks=True)

    def move() -> None:
        if work == "rollback":
            store.rollback("web")
        else:
            store.promote("web", C, "latest")

    before = told(store)
    old, new = store.channels("web").get("latest"), A if work == "rollback" else C
    seen = set()
    for _ in every_death(move, restore):
        link = store.channels("web").get("latest")
        seen.add(link)
        assert link in (old, new)
        assert link is None or store.find("web").name == link, "a channel names a whole version"
        how = "rollback" if work == "rollback" else "promote"
        expected = [*before, (how, "latest", old, new)] if link == new else before
        assert told(store) == expected, "the history tells what the link says"
        # The next mover goes on from there.
        store.point("web", "latest", B if link != B else A)
        assert told(store) == [*expected, ("publish", "latest", link, B if link != B else A)]
    assert seen == {old, new}


def test_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.point("web", "latest", A)
    before = (store.folder / "web/history.jsonl").read_bytes()

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space"):
            store.point("web", "latest", B)
    assert store.channels("web") == {"latest": A}
    assert (store.folder / "web/history.jsonl").read_bytes() == before


def test_who_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert current_user() == f"{os.getuid()}@{os.uname().nodename}"


def run(store: Store, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--output", str(store.folder.parent)])


def test_the_commands(store: Store) -> None:
    store.point("web", "latest", A, who="ann@host")
    store.point("web", "latest", B, who="ann@host")
    done = run(store, "promote", "web", "--to", "stable", "--why", "it works")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"web@stable now points at {B}; before: no version\n")
    done = run(store, "promote", f"web:{B}", "--to", "stable")
    assert done.stderr == f"web@stable already points at {B}\n"
    done = run(store, "promote", f"web:{A}", "--to", "stable")
    assert done.stderr == f"web@stable now points at {A}; before: {B}\n"
    done = run(store, "rollback", "web", "--channel", "stable")
    assert (done.exit_code, done.stderr) == (0, f"web@stable points at {B} again; before: {A}\n")
    fail(store, A)
    done = run(store, "rollback", "web")
    assert isinstance(done.exception, RequestError)
    assert done.exception.details == f"web:{A} failed its verification"
    rows = json.loads(run(store, "history", "web", "--json").stdout)
    assert [(row["how"], row["channel"], row["from"], row["to"]) for row in rows] == told(store)
    assert {*rows[0]} == {"when", "who", "how", "why", "channel", "from", "to"}
    lines = run(store, "history", "web").stdout.splitlines()
    assert lines[0].endswith(f"Z  publish   latest     {A}  by ann@host")
    assert lines[2].endswith("  it works")
    assert isinstance(run(store, "history", "wep").exception, RequestError)


def test_no_history_yet(store: Store) -> None:
    done = run(store, "history", "web")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "no move of a channel of web is recorded\n"
