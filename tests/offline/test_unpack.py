"""What a guest's archive holds stays inside one folder of this host, whatever its names say."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.errors import RequestError
from builder.offline.unpack import unpack
from tests.folders import snapshot

Member = tuple[str, bytes, str]
"""A name, tar's type of it, and what a link names."""


def archive(*members: Member, **attributes: int) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            member.uid, member.gid = os.getuid(), os.getgid()
            for attribute, value in attributes.items():
                setattr(member, attribute, value)
            content = b"text" if kind == tarfile.REGTYPE else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def file(name: str) -> Member:
    return name, tarfile.REGTYPE, ""


def folder(name: str) -> Member:
    return name, tarfile.DIRTYPE, ""


def link(name: str, target: str) -> Member:
    return name, tarfile.SYMTYPE, target


def other_name(name: str, of: str) -> Member:
    return name, tarfile.LNKTYPE, of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to unpack in, beside one that nothing may come to."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("theirs")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def put(root: Path, *members: Member, **attributes: int) -> list[str]:
    skipped: list[str] = []
    unpack(archive(*members, **attributes), root, "tree", skipped.append)
    return skipped


def test_a_tree(root: Path) -> None:
    members = (folder("."), folder("./a"), file("./a/b"), link("./a/c", "/etc/passwd"), other_name("./d", "./a/b"))
    assert put(root, *members, mode=0o750, mtime=1000) == []
    tree = root / "tree"
    assert sorted(str(path.relative_to(tree)) for path in tree.rglob("*")) == ["a", "a/b", "a/c", "d"]
    assert (tree / "a/c").readlink() == Path("/etc/passwd")
    assert (tree / "a/b").read_text() == (tree / "d").read_text() == "text"
    assert (tree / "d").samefile(tree / "a/b")
    for path in (tree, tree / "a", tree / "a/b"):
        assert (path.stat().st_mode & 0o7777, path.stat().st_mtime) == (0o750, 1000)


def test_folders_that_nobody_may_write_to_are_filled_all_the_same(root: Path) -> None:
    put(root, folder("./a"), file("./a/b"), mode=0o500)
    assert (root / "tree/a/b").read_text() == "text"
    assert (root / "tree/a").stat().st_mode & 0o777 == 0o500


def test_it_merges_and_replaces(root: Path) -> None:
    (root / "tree/a").mkdir(parents=True)
    (root / "tree/a/own").write_text("own")
    (root / "tree/a/b").write_text("long before")
    (root / "tree/c").symlink_to("a/own")
    put(root, folder("./a"), file("./a/b"), file("./c"))
    assert (root / "tree/a/own").read_text() == "own"
    assert (root / "tree/a/b").read_text() == (root / "tree/c").read_text() == "text"


@pytest.mark.parametrize(
    "members",
    [
        [file("../escaped")],
        [file("a/../../escaped")],
        [folder("../escaped")],
        [link("../escaped", "x")],
        [other_name("a", "../../outside/file")],
        [other_name("../escaped", "a")],
    ],
)
def test_names_that_lead_up_are_refused(root: Path, members: list[Member]) -> None:
    before = snapshot(root.parent / "outside")
    with pytest.raises(RequestError, match="leads out of its folder"):
        put(root, *members)
    assert snapshot(root.parent / "outside") == before
    assert not (root.parent / "escaped").exists()
    assert not (root / "escaped").exists()


@pytest.mark.parametrize("target", ["../../outside", "{}/outside"])
def test_nothing_goes_through_a_link(root: Path, target: str) -> None:
    """Neither one that was there before, nor one of the archive."""
    outside = root.parent / "outside"
    before = snapshot(outside)
    where = target.format(root.parent)
    put(root, link("./a", where), file("./a/new"), link("./b", f"{where}/file"), file("./b"))
    put(root, link("./c", where), folder("./c"), file("./c/file"))
    (root / "tree/d").symlink_to(where)
    put(root, file("./d/file"))
    assert snapshot(outside) == before
    assert (outside / "file").read_text() == "theirs"


def test_the_folder_itself_may_not_be_a_link_to_elsewhere(root: Path) -> None:
    (root / "tree").symlink_to("../outside")
    put(root, file("./file"))
    assert (root.parent / "outside/file").read_text() == "theirs"
    assert (root / "tree/file").read_text() == "text"


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_left_out(root: Path, kind: bytes) -> None:
    assert put(root, ("./device", kind, ""), file("./a")) == ["tree/device"]
    assert [path.name for path in (root / "tree").iterdir()] == ["a"]


names = st.lists(st.sampled_from(["a", "b", "..", ".", "", "/", "a/b", "a/../b"]), min_size=1, max_size=3).map("/".join)
members = st.builds(
    lambda name, kind, target: (name, kind, target),
    names,
    st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE]),
    st.one_of(names, st.sampled_from(["../../outside", "../../outside/file", "/tmp"])),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(members, max_size=6))
def test_no_archive_reaches_what_is_outside(tmp_path_factory: pytest.TempPathFactory, found: list[Member]) -> None:
    place = tmp_path_factory.mktemp("any")
    (place / "outside").mkdir()
    (place / "outside/file").write_text("theirs")
    (place / "root").mkdir()
    before = snapshot(place / "outside")
    with contextlib.suppress(RequestError, OSError, tarfile.TarError):
        put(place / "root", *found)
    assert snapshot(place / "outside") == before
    assert sorted(path.name for path in place.iterdir()) == ["outside", "root"]
