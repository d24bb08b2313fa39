from __future__ import annotations

import json
from pathlib import PurePosixPath

import pytest

from builder import digest, seal
from builder.errors import RequestError
from builder.seal import patterns, removals
from builder.seal.operation import Operation, shorten
from builder.seal.operations.hostname import forget_name
from builder.seal.tree import GuestTree, TreeItem
from tests.seal import test_apart
from tests.seal.dirt import APART, BEFORE, EDITED, EMPTIED, GONE, LEFT, MADE

OFF = {
    *("ca-certificates", "firewall-rules", "flag-reconfiguration", "fs-uuids", "kerberos-data"),
    *("script", "user-account"),
}

LINKED = (("/run", "/var/run"), ("/var/mail", "/var/spool/mail"))


def tree_of(*paths: str) -> GuestTree:
    """Return a tree of these files and their folders."""
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents if str(folder) != "/"}
    return GuestTree({name: TreeItem("folder") for name in folders} | {path: TreeItem("file", 5) for path in paths})


def test_every_operation_is_exercised() -> None:
    assert {*GONE, *EMPTIED, *EDITED, *MADE, *APART} == set(seal.registry())
    tested = {name.removeprefix("test_").replace("_", "-") for name in vars(test_apart) if name.startswith("test_")}
    assert tested >= APART


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in GONE.items() for path in paths])
def test_a_single_leak_fails_the_check(name: str, path: str) -> None:
    operation = seal.registry()[name]
    assert operation.paths_to_remove(tree_of(path)), path
    assert not operation.paths_to_remove(tree_of(*LEFT))


def test_every_pattern_has_dirt() -> None:
    """Every pattern with its braces expanded matches a planted file."""
    planted = {str(parent) for path in BEFORE for parent in (PurePosixPath(path), *PurePosixPath(path).parents)}
    # /var/run is a link to /run in every guest, and /var/mail one to /var/spool/mail in some.
    planted |= {path.replace(real, link, 1) for path in planted for real, link in LINKED if path.startswith(real)}
    without = [
        spelled
        for operation in seal.registry().values()
        if operation.name not in APART
        for pattern in operation.patterns
        for spelled in patterns.spell_out(pattern)
        if not any(patterns.compiled((spelled,)).fullmatch(path) for path in planted)
    ]
    assert without == []


def test_nothing_that_must_stay_is_removed() -> None:
    everything = tree_of(*BEFORE, *LEFT)
    removed = {path for operation in seal.registry().values() for path in operation.paths_to_remove(everything)}
    left = everything.without(removed)
    assert [path for path in LEFT if path not in left] == []
    assert [path for paths in GONE.values() for path in paths if path in left] == []


def test_default_selection() -> None:
    names = [operation.name for operation in seal.select()]
    assert set(seal.registry()) - set(names) == OFF
    # selinux-relabel writes no contents, so it may follow machine-id, the last write.
    assert names[-2:] == ["machine-id", "selinux-relabel"]
    assert names[:-2] == sorted(names[:-2])
    assert [one.name for one in seal.select(also=["script"])][-3:] == ["script", "machine-id", "selinux-relabel"]


def test_skip_and_also() -> None:
    names = [operation.name for operation in seal.select(skip=["logfiles"], also=["firewall-rules"])]
    assert "logfiles" not in names
    assert "firewall-rules" in names
    assert names[-2:] == ["machine-id", "selinux-relabel"]


def test_unknown_operation() -> None:
    with pytest.raises(RequestError, match='unknown seal operation "log-files"; did you mean "logfiles"'):
        seal.select(skip=["log-files"])


def test_key_follows_patterns_and_versions() -> None:
    one = Operation("x", "Remove x.", removed=("/etc/x",))
    keys = [
        seal.key([one]),
        seal.key([Operation("x", "Remove x.", removed=("/etc/x", "/etc/y"))]),
        seal.key([Operation("x", "Remove x.", removed_files=("/etc/x",))]),
        seal.key([Operation("x", "Remove x.", removed=("/etc/x",), version=2)]),
    ]
    assert len({digest.of_value(key) for key in keys}) == len(keys)
    assert seal.key([Operation("x", "Another heading.", removed=("/etc/x",))]) == keys[0]
    assert json.loads(json.dumps(seal.key(seal.select()))) == seal.key(seal.select())
    # Pinned: a change of the key's shape invalidates every cached seal, so it must be deliberate.
    assert keys[0] == [["x", 1, ["/etc/x"], [], [], []]]


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (Operation("Not_Kebab", "Remove x."), "kebab-case"),
        (Operation("utmp", "Remove x."), "already used"),
        (Operation("x", "Remove x"), "full stop"),
        (Operation("x", "Remove x.", removed=("/etc/x", "/{var,usr}/x")), "/usr/x is outside"),
    ],
)
def test_bad_declarations(operation: Operation, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "REMOVALS", (*removals.REMOVALS, operation))
    with pytest.raises(TypeError, match=problem):
        seal.registry.__wrapped__()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("db1", "127.0.0.1 localhost\n", "127.0.0.1 localhost\n"),
        ("db1", "127.0.1.1 db1\n# db1\n\n::1 localhost db1.example.com", "# db1\n\n::1\tlocalhost\n"),
        ("db1.example.com", "10.0.0.1 db1\n10.0.0.2 db11\n", "10.0.0.2 db11\n"),
        ("localhost.localdomain", "127.0.0.1 localhost localhost.localdomain\n", None),
    ],
)
def test_forget_name(name: str, before: str, after: str | None) -> None:
    assert forget_name(before, name) == (before if after is None else after)


def test_shorten() -> None:
    assert shorten({"/b", "/a"}) == "/a, /b"
    assert shorten({f"/{number}" for number in range(8)}, limit=2) == "/0, /1 and 6 more"
    assert shorten({"/a\nb", "/\udcff", "/é"}) == r"'/a\nb', /é, '/\udcff'"
