"""Removing only what was decided, even if something is used meanwhile or a process is killed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from builder import locks
from builder.cli import app
from builder.errors import GoldenError, HostError, InUseError, RequestError
from builder.events import Emit, silent
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.pools import FolderPool
from builder.nodes.connections import known_uris, record_hypervisor
from builder.nodes.identity.names import base_volume_name
from builder.nodes.journal import CloneClaim, CloneJournals
from builder.paths import Output
from builder.prune import PruneRequest, RetentionPolicy, execute, foresee, prune
from builder.prune.connections import ReachedHypervisors
from builder.store import Store
from builder.store.claims import claim
from tests.crashes import every_death
from tests.folders import names, snapshot
from tests.nodes.templates import fabricate
from tests.prune.places import domain, hypervisor, overlay, versions, written

STRICT = PruneRequest(RetentionPolicy(keep_last=0, keep_failed=0))


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hypervisor]:
    """The only known hypervisor; its volumes are files in a folder."""
    with hypervisor(tmp_path, uri="qemu:///embed?root=/x") as found:

        @contextmanager
        def reach(named: Sequence[str], output: Output, emit: Emit) -> Iterator[ReachedHypervisors]:
            yield ReachedHypervisors((found,), ())

        monkeypatch.setattr(execute, "reach", reach)
        yield found


def have(output: Output, template: str = "web") -> list[str]:
    return [version.name for version in Store(output.templates).versions(template)]


def with_bases(output: Output, pool: Path, template: str = "web") -> None:
    """Create the base volume of every version."""
    pool.mkdir(exist_ok=True)
    for name in have(output, template):
        os.link(output.templates / template / name / "disk.qcow2", pool / base_volume_name(template, name, "qcow2"))


def fail(output: Output, version: str) -> None:
    folder = output.templates / "web/verification" / version
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"passed": false}')
    (folder / "console-1.log").write_text("panic")
    sign(output.templates / "web", version)


def sign(template: Path, version: str) -> None:
    (template / "signatures").mkdir(exist_ok=True)
    (template / "signatures" / f"{version}.minisig").write_text("signed")


def test_foreseeing_changes_nothing(output: Output, embedded: Hypervisor, tmp_path: Path) -> None:
    first, second, _ = versions(output)
    with_bases(output, tmp_path / "volumes")
    before = snapshot(tmp_path)
    assert [decision.version.name for decision in foresee(STRICT, output, silent).removed] == [first, second]
    assert snapshot(tmp_path) == before


def test_what_goes_and_what_stays(output: Output, embedded: Hypervisor, tmp_path: Path) -> None:
    first, second, third, fourth = versions(output, count=4)
    pool = tmp_path / "volumes"
    with_bases(output, pool)
    overlay(pool / "node1.qcow2", pool / base_volume_name("web", second, "qcow2"))
    fail(output, first)
    plan = prune(STRICT, output, silent)
    assert [decision.version.name for decision in plan.removed] == [first, third]
    assert have(output) == [second, fourth]
    assert names(output.templates / "web") == [second, fourth, "history.jsonl", "latest", "signatures", "verification"]
    assert names(output.templates / "web/verification") == []
    assert names(output.templates / "web/signatures") == []
    stay = [base_volume_name("web", name, "qcow2") for name in (second, fourth)]
    assert names(pool) == [*stay, "node1.qcow2"]
    assert prune(STRICT, output, silent).removed == (), "a second time there is nothing to do"
    (pool / "node1.qcow2").unlink()
    prune(STRICT, output, silent)
    assert (have(output), names(pool)) == ([fourth], [stay[1]])


def test_a_template_that_has_nothing_any_more(output: Output, embedded: Hypervisor) -> None:
    only = fabricate(output).name
    fail_of = output.templates / "tiny/verification" / only
    fail_of.mkdir(parents=True)
    (fail_of / "result.json").write_text('{"passed": false}')
    sign(output.templates / "tiny", only)
    (output.templates / "tiny/latest").unlink()
    prune(PruneRequest(RetentionPolicy()), output, silent)
    assert have(output, "tiny") == [only]
    prune(STRICT, output, silent)
    assert not (output.templates / "tiny").exists()
    assert Store(output.templates).templates() == []


def test_a_node_made_since_it_was_shown(output: Output, embedded: Hypervisor, tmp_path: Path) -> None:
    first, _, third = versions(output)
    pool = tmp_path / "volumes"
    with_bases(output, pool)
    assert len(foresee(STRICT, output, silent).removed) == 2
    overlay(pool / "node1.qcow2", pool / base_volume_name("web", first, "qcow2"))
    prune(STRICT, output, silent)
    assert have(output) == [first, third]


def test_a_clone_that_begins_meanwhile(output: Output, embedded: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """During the decision no clone can choose a version, no build claim a parent, and no channel move."""
    versions(output)
    set_aside, held = execute.set_aside, []

    def watched(version: object, output: Output) -> None:
        held.append(locks.try_hold(output.clones / "lock"))
        held.append(locks.try_hold(output.templates / ".web.lock"))
        set_aside(version, output)  # type: ignore[arg-type]

    monkeypatch.setattr(execute, "set_aside", watched)
    prune(STRICT, output, silent)
    assert held == [None] * 4
    for name in (output.clones / "lock", output.templates / ".web.lock"):
        lock = locks.try_hold(name)
        assert lock is not None, "afterwards they are free"
        lock.release()


@pytest.mark.slow  # a process for each moment
def test_killed_at_any_moment(output: Output, embedded: Hypervisor, tmp_path: Path) -> None:
    first, second, third, fourth = versions(output, count=4)
    pool = tmp_path / "volumes"
    with_bases(output, pool)
    overlay(pool / "node1.qcow2", pool / base_volume_name("web", second, "qcow2"))
    fail(output, first)
    fail(output, third)
    shutil.copytree(tmp_path, saved := tmp_path.with_name("saved"), symlinks=True)

    def restore() -> None:
        for folder in (output.root, pool):
            shutil.rmtree(folder)
            shutil.copytree(saved / folder.name, folder, symlinks=True)

    deaths = 0
    for _ in every_death(lambda: prune(STRICT, output, silent), restore):
        deaths += 1
        store = Store(output.templates)
        assert store.find("web").name == fourth
        assert {second, fourth} <= set(have(output))
        for version in store.versions("web"):
            assert {"disk.qcow2", "domain.xml.j2", "manifest.json"} <= set(names(version.folder)), "whole, or not there"
            assert version.disk.read_bytes()
            assert version.failed == (version.name in (first, third))
        assert (pool / base_volume_name("web", second, "qcow2")).exists()
        assert store.history("web")
        prune(STRICT, output, silent)
        assert names(output.templates / "web") == [
            second,
            fourth,
            "history.jsonl",
            "latest",
            "signatures",
            "verification",
        ]
        assert names(output.templates / "web/verification") == []
        assert names(pool) == [*(base_volume_name("web", name, "qcow2") for name in (second, fourth)), "node1.qcow2"]
    assert deaths > 15
    shutil.rmtree(saved)


def test_a_base_that_cannot_be_deleted(
    output: Output, embedded: Hypervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = versions(output)
    with_bases(output, tmp_path / "volumes")
    base, delete = base_volume_name("web", first, "qcow2"), FolderPool.delete

    def refuse(pool: FolderPool, name: str) -> None:
        if name == base:
            raise HostError("the pool is read-only")
        delete(pool, name)

    with monkeypatch.context() as patch:
        patch.setattr(FolderPool, "delete", refuse)
        with pytest.raises(HostError) as caught:
            prune(STRICT, output, silent)
    assert caught.value.details == f"{base} in the pool volumes of {embedded.uri}"
    assert len(have(output)) == 1
    prune(STRICT, output, silent)
    assert len(names(tmp_path / "volumes")) == 1
    assert [name for name in names(output.templates / "web") if name.startswith(".")] == []


def test_published_again_since_it_was_set_aside(output: Output, embedded: Hypervisor, tmp_path: Path) -> None:
    """The same disk on the same day has the same name."""
    first, _, third = versions(output)
    with_bases(output, tmp_path / "volumes")
    fail(output, first)
    aside = output.templates / "web" / f".{first}.removed"
    shutil.copytree(output.templates / "web" / first, aside)
    Store(output.templates).promote("web", first, "tested", force=True)
    prune(STRICT, output, silent)
    assert have(output) == [first, third]
    assert not aside.exists()
    assert Store(output.templates).find(f"web:{first}").failed
    assert (tmp_path / "volumes" / base_volume_name("web", first, "qcow2")).exists()


# --- which hypervisors are asked -----------------------------------------------------------------


def run(output: Output, *arguments: str) -> Result:
    options = ("--keep-last", "0", "--keep-failed", "0", "--output", str(output.root))
    return CliRunner().invoke(app, ["prune", *arguments, *options])


def test_the_command(output: Output, tmp_path: Path) -> None:
    first, second, third = versions(output)
    uri = written(tmp_path, domain("node1", node=("web", second)))
    done = run(output, "--connect", uri)
    lines = [
        f"remove   web              {first:<24}   200 KiB  no policy keeps it, and nothing uses it",
        f"keep     web              {second:<24}   200 KiB  the domain node1 on {uri} uses it",
        f"keep     web              {third:<24}   200 KiB  the channel latest points to it",
    ]
    assert (done.exit_code, done.stdout.splitlines()) == (0, lines)
    assert done.stderr == "1 of 3 versions would be removed, 200 KiB; pass --yes to remove them\n"
    found = json.loads(run(output, "web", "--connect", uri, "--json").stdout)
    assert (found["removed"], found["bytes"]) == (False, 200 << 10)
    assert [(row["version"], row["action"]) for row in found["versions"]] == [
        (first, "remove"),
        (second, "keep"),
        (third, "keep"),
    ]
    done = run(output, "--connect", uri, "--yes")
    assert done.stdout.splitlines() == [lines[0].replace("remove ", "removed"), *lines[1:]]
    assert done.stderr == "1 of 3 versions removed, 200 KiB\n"
    assert have(output) == [second, third]
    done = run(output, "--connect", uri)
    assert done.stderr == "nothing to remove\n"


def test_all_that_are_known_are_asked(output: Output, tmp_path: Path) -> None:
    first, second, third = versions(output)
    with hypervisor(tmp_path, domain("n1", node=("web", first))) as one:
        record_hypervisor(one, output)
        record_hypervisor(one, output)
        assert known_uris(output) == [one.uri]
    run(output, "--connect", written(tmp_path, domain("n2", node=("web", second))), "--yes")
    assert have(output) == [first, second, third]


def test_one_that_does_not_answer(output: Output, tmp_path: Path) -> None:
    first, _, third = versions(output)
    here = written(tmp_path, domain("n1", node=("web", first)))
    with hypervisor(tmp_path) as gone:
        record_hypervisor(gone, output)
    (tmp_path / "node1.xml").unlink()
    for arguments in (("--connect", here), ("--connect", here, "--yes")):
        done = run(output, *arguments)
        assert isinstance(done.exception, InUseError)
        assert done.exception.exit_code == 6
        assert (done.exception.details or "").startswith(gone.uri)
        assert "--unreachable-ok" in (done.exception.hint or "")
        assert len(have(output)) == 3
    done = run(output, "--connect", here, "--yes", "--unreachable-ok")
    assert done.exit_code == 0
    assert gone.uri in done.stderr
    assert have(output) == [first, third]


def test_a_record_that_cannot_be_read(output: Output, tmp_path: Path) -> None:
    versions(output)
    for content in ("", "[]", '{"connections": [5]}'):
        output.connections.write_text(content)
        done = run(output, "--connect", written(tmp_path))
        assert isinstance(done.exception, HostError)
        assert done.exception.where == str(output.connections)


def test_a_template_that_there_is_none_of(output: Output, tmp_path: Path) -> None:
    versions(output)
    done = run(output, "wep", "--connect", written(tmp_path))
    assert isinstance(done.exception, RequestError)
    assert 'did you mean "web"?' in done.exception.message
    assert run(Output(tmp_path / "none"), "--connect", written(tmp_path)).stderr == "nothing to remove\n"


def test_clones_and_builds_that_lost_the_race(output: Output, embedded: Hypervisor) -> None:
    """Their parent was removed: they fail with a clear message, before they create anything."""
    first, *_ = versions(output)
    store = Store(output.templates)
    version = store.find(f"web:{first}")
    prune(STRICT, output, silent)
    with (
        locks.held(output.work / "shop.lock"),
        pytest.raises(RequestError, match=f"web:{first} was removed while the build started"),
    ):
        claim("shop", version, output)
    with pytest.raises(GoldenError, match=f"web has no version {first}"):
        store.promote("web", first, "stable")


def test_a_clone_under_way_keeps_the_base_too(output: Output, embedded: Hypervisor, tmp_path: Path) -> None:
    first, *_ = versions(output)
    with_bases(output, tmp_path / "volumes")
    base = base_volume_name("web", first, "qcow2")
    with CloneJournals(output.clones).open_journal() as journal:
        journal.write_claim(CloneClaim(embedded.uri, "volumes", base, ["n1"], [], [], []))
        prune(STRICT, output, silent)
        assert (tmp_path / "volumes" / base).exists()
        assert first in have(output)
