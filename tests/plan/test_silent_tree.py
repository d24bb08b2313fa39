"""The plan of a recipe that is installed from a tree whose server does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import HostError, RequestError
from builder.plan import Plan, Refresh
from builder.upstream import Upstream
from tests.plan.place import Place
from tests.upstream.mirror import running_mirror

KICKSTART = """\
#version=RHEL9
url --url={{ tree }}
rootpw --lock
part / --size=1024 --ondisk={{ disk }}
poweroff
%packages
%end
"""

TREEINFO = """\
[general]
family = AlmaLinux
version = 9.4
arch = x86_64

[images-x86_64]
kernel = vmlinuz
initrd = initrd.img
"""


class Tree:
    """A recipe that is installed from a tree, which is there for a while."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self.answers = folder / "x.ks.j2"
        self.answers.write_text(KICKSTART)
        with running_mirror(folder / "tree") as mirror:
            for name in ("vmlinuz", "initrd.img"):
                mirror.put(name, name)
            mirror.put(".treeinfo", TREEINFO)
            self.url = mirror.url("").replace("//", "//me:hunter2@")
            upstream = Upstream(self.place.output.upstream)
            self.place.build(self.plan(Refresh(layers=False, upstream=upstream)), {})
            assert not self.place.output.upstream.exists(), "a plan writes nothing"
            upstream.save()

    def plan(self, refresh: Refresh | None = None) -> Plan:
        return self.place.plan(base=f"{{kickstart: {{file: x.ks.j2, tree: '{self.url}'}}}}", refresh=refresh)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.mark.parametrize("refresh", [None, Refresh()])
def test_what_was_made_from_it_is_kept(tree: Tree, refresh: Refresh | None) -> None:
    made = tree.plan(refresh)
    assert all(action.reused for action in made.actions)
    (warning,) = tree.place.warnings()
    assert warning.startswith("install x.ks: cannot download http://me:***@127.0.0.1:")
    assert "the base in the cache is used as it is" in warning
    assert "Connection refused" in warning


def test_it_is_an_error_if_that_is_the_policy(tree: Tree) -> None:
    with pytest.raises(HostError, match="cannot download") as refused:
        tree.plan(Refresh("fail"))
    assert refused.value.where == f"{tree.place.folder}/web.yaml:2:7"


def test_other_answers_need_the_tree(tree: Tree) -> None:
    tree.answers.write_text(KICKSTART.replace("1024", "2048"))
    with pytest.raises(HostError, match="cannot download"):
        tree.plan()


def test_without_the_base_the_tree_is_needed(tree: Tree) -> None:
    tree.place.forget_layers()
    with pytest.raises(HostError, match="cannot download"):
        tree.plan()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"identity": 1}'])
def test_a_damaged_memory_is_none(tree: Tree, content: bytes) -> None:
    (file,) = tree.place.output.upstream.iterdir()
    assert "hunter2" not in file.read_text()
    file.write_bytes(content)
    with pytest.raises(HostError, match="cannot download"):
        tree.plan()


def test_a_place_without_a_tree_is_no_silent_server(tree: Tree, tmp_path: Path) -> None:
    with running_mirror(tmp_path / "empty") as mirror:
        tree.url = mirror.url("")
        with pytest.raises(RequestError, match="not an install tree"):
            tree.plan()
