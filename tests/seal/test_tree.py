from __future__ import annotations

import pytest

from builder.seal import patterns
from builder.seal.tree import GuestTree, TreeItem

FILE, FOLDER = TreeItem("file", 1), TreeItem("folder")


def link(target: str) -> TreeItem:
    return TreeItem("link", target=target)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/tmp/*", ["/tmp/a", "/tmp/.a", "/tmp/a\nb", "/tmp/\udcff"], ["/tmp", "/tmp/a/b"]),
        ("/etc/**", ["/etc/a", "/etc/a/b"], ["/etc", "/etcetera"]),
        ("/etc/**/*.bak", ["/etc/a.bak", "/etc/a/b.bak", "/etc/a/b/.bak"], ["/etc/a.bak/b", "/x/etc/a.bak"]),
        ("/etc/a?", ["/etc/ab"], ["/etc/a", "/etc/abc", "/etc/a/"]),
        ("/{a,b/c}/x{,.old}", ["/a/x", "/b/c/x.old"], ["/b/x", "/a/x.o"]),
        ("/a/b.c+d", ["/a/b.c+d"], ["/a/bxc+d"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    expression = patterns.compiled((pattern,))
    assert [path for path in yes if not expression.fullmatch(path)] == []
    assert [path for path in no if expression.fullmatch(path)] == []


def test_no_pattern_matches_nothing() -> None:
    assert not patterns.compiled(()).fullmatch("")


def test_fixed_folder() -> None:
    assert patterns.fixed_folder("/var/log/*.log") == "/var/log"
    assert patterns.fixed_folder("/home/*/.ssh") == "/home"
    assert patterns.fixed_folder("/etc/ssh/moduli") == "/etc/ssh"


def test_a_kept_file_keeps_its_folders_and_nothing_else() -> None:
    nodes = {
        "/root": FOLDER,
        "/root/.ssh": FOLDER,
        "/root/.ssh/authorized_keys": FILE,
        "/root/.ssh/known_hosts": FILE,
        "/root/.ssh/keys": FOLDER,
        "/root/.ssh/keys/a": FILE,
        "/root/.ssh/keys/b": FILE,
        "/root/.ssh/other": FOLDER,
        "/root/.ssh/other/c": FILE,
    }
    tree = GuestTree(nodes, frozenset({"/root/.ssh/authorized_keys", "/root/.ssh/keys/b", "/root/.ssh/gone/x"}))
    removed = tree.find(("/root/.ssh",))
    assert removed == {"/root/.ssh/known_hosts", "/root/.ssh/keys/a", "/root/.ssh/other"}
    assert set(tree.without(removed).entries) == {
        "/root",
        "/root/.ssh",
        "/root/.ssh/authorized_keys",
        "/root/.ssh/keys",
        "/root/.ssh/keys/b",
    }


def test_a_kept_folder_is_kept_empty() -> None:
    tree = GuestTree(
        {"/tmp": FOLDER, "/tmp/a": FOLDER, "/tmp/a/b": FILE, "/tmp/c": FOLDER}, frozenset({"/tmp", "/tmp/a"})
    )
    assert tree.find(("/tmp/*",)) == {"/tmp/a/b", "/tmp/c"}


def test_files_are_regular_and_not_kept() -> None:
    tree = GuestTree({"/tmp": FOLDER, "/tmp/a": FILE, "/tmp/b": link("a"), "/tmp/c": FILE}, frozenset({"/tmp/c"}))
    assert tree.find_files(("/tmp/*", "/tmp")) == {"/tmp/a"}
    assert tree.with_kept(("/tmp/a",)).find_files(("/tmp/*",)) == set()
    assert tree.is_editable("/tmp/a")
    assert not tree.is_editable("/tmp/b")
    assert not tree.is_editable("/tmp/c")
    assert not tree.is_editable("/tmp/d")


def test_links_resolve_inside_the_tree() -> None:
    nodes = {
        "/var": FOLDER,
        "/var/run": link("/run"),
        "/var/spool": FOLDER,
        "/var/spool/mail": link("../mail"),
        "/var/up": link("../../../../etc"),
        "/var/loop": link("loop"),
        "/var/twice": link("run/x"),
    }
    tree = GuestTree(nodes)
    assert tree.resolve("/var/run/utmp") == "/run/utmp"
    assert tree.resolve("/var/spool/mail/root") == "/var/mail/root"
    assert tree.resolve("/var/up/passwd") == "/etc/passwd"
    assert tree.resolve("/var/twice") == "/run/x"
    assert tree.resolve("/var/loop/x").startswith("/var/loop")
    assert tree.find_link("/var/run/x") == ("/var/run", "/run")
    assert tree.find_link("/var/spool") is None
