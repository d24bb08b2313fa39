"""What became of files: applied to the one tree, it gives the other."""

from __future__ import annotations

import stat
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from builder.compare.trees import (
    FileChange,
    FileChanges,
    Tree,
    TreeEntry,
    compare_trees,
    files_to_read,
    group_by_folder,
    same_inode,
)

FILE, FOLDER, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK

# Few of each, so that they meet.
ENTRIES = st.one_of(
    st.builds(
        TreeEntry, st.sampled_from([FILE | 0o644, FILE | 0o600]), st.just(0), st.integers(0, 1), st.integers(0, 1)
    ),
    st.builds(TreeEntry, st.just(FOLDER | 0o755), st.integers(0, 1), st.just(0), st.just(4096)),
    st.builds(TreeEntry, st.just(LINK | 0o777), st.just(0), st.just(0), st.just(1), target=st.sampled_from(["a", "b"])),
)
TREES = st.dictionaries(st.sampled_from(["/a", "/a/b", "/a/b/c", "/a-b", "/d", "/e"]), ENTRIES, max_size=6)


@given(TREES, TREES, st.data())
def test_changes_applied_to_the_one_give_the_other(a: Tree, b: Tree, data: st.DataObject) -> None:
    alike = files_to_read(a, b)
    differing = set(data.draw(st.lists(st.sampled_from(alike)))) if alike else set()
    found = compare_trees(a, b, differing)
    after = dict(a)
    for change in found.removed:
        assert after.pop(change.path) == change.before
    for change in found.added:
        assert change.after
        after[change.path] = change.after
    for change in (*found.content, *found.owner, *found.link, *found.type):
        assert (change.before, change.after) == (a[change.path], b[change.path])
        after[change.path] = b[change.path]
    assert after == b
    assert differing <= {change.path for change in found.content}
    assert found.paths() == {path for path in a.keys() | b.keys() if a.get(path) != b.get(path)} | differing


@given(TREES)
def test_a_tree_does_not_differ_from_itself(a: Tree) -> None:
    assert not compare_trees(a, a, ())


@given(TREES)
def test_folding_counts_everything_once(a: Tree) -> None:
    changes = compare_trees({}, a, ()).added
    assert sum(count for _, count in group_by_folder(changes)) == len(a)


def file(size: int = 5, **changes: object) -> TreeEntry:
    return replace(TreeEntry(FILE | 0o644, 0, 0, size, 12, "100.25", "100.25"), **changes)  # type: ignore[arg-type]


def test_each_kind() -> None:
    before = {
        "/gone": file(),
        "/grown": file(5),
        "/edited": file(modified="100.5"),
        "/open": file(),
        "/link": TreeEntry(LINK | 0o777, 0, 0, 1, target="a"),
        "/thing": file(),
        "/same": file(),
    }
    after = {
        "/new": file(),
        "/grown": file(6),
        "/edited": file(modified="200.5", changed="200.5"),
        "/open": file(mode=FILE | 0o666, uid=7),
        "/link": TreeEntry(LINK | 0o777, 0, 0, 1, target="b"),
        "/thing": TreeEntry(FOLDER | 0o755, 0, 0, 4096),
        "/same": file(),
    }
    assert files_to_read(before, after) == ["/edited"]
    found = compare_trees(before, after, {"/edited"})
    named = {kind: [each["path"] for each in changes] for kind, changes in found.to_json().items()}
    assert named == {
        "added": ["/new"],
        "removed": ["/gone"],
        "content": ["/edited", "/grown"],
        "owner": ["/open"],
        "link": ["/link"],
        "type": ["/thing"],
    }
    assert found.to_json()["owner"][0]["after"] == {"mode": "-rw-rw-rw-", "uid": 7, "gid": 0, "size": 5}
    assert found.to_json()["link"][0]["before"]["target"] == "a"


def test_what_counts_as_the_very_same_file() -> None:
    assert same_inode(file(), file())
    assert not same_inode(file(), file(inode=13))
    assert not same_inode(file(), file(changed="100.26"))
    # A touched file, whose time somebody set back: its ctime tells.
    assert not same_inode(file(), file(modified="100.25", changed="300.1"))
    # Times without a fraction were written by a tool, and prove nothing.
    whole = file(modified="100.0000000000", changed="100.0000000000")
    assert not same_inode(whole, whole)
    assert files_to_read({"/a": whole}, {"/a": whole}) == ["/a"]


def test_empty_files_need_not_be_read() -> None:
    assert files_to_read({"/a": file(0, inode=1)}, {"/a": file(0, inode=2)}) == []


def test_a_folder_that_came_whole_is_one_line() -> None:
    folder = TreeEntry(FOLDER | 0o755, 0, 0, 4096)
    paths = ["/opt/x", "/opt/x/a", "/opt/x/a/b", "/opt/x-y"]
    changes = [FileChange(path, None, folder if path == "/opt/x" else file()) for path in paths]
    assert [(change.path, count) for change, count in group_by_folder(changes)] == [("/opt/x", 3), ("/opt/x-y", 1)]


def test_names_that_are_no_text_reach_json() -> None:
    name = b"/caf\xe9".decode(errors="surrogateescape")
    link = TreeEntry(LINK | 0o777, 0, 0, 1, target=name)
    (found,) = FileChanges(added=(FileChange(name, None, link),)).to_json()["added"]
    assert (found["path"], found["after"]["target"]) == ("/caf\ufffd", "/caf\ufffd")
