from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.inputs import KeyContext, RecipeContext
from builder.steps.copy_in import CopyIn


def copy_in(folder: Path, **options: Any) -> CopyIn:
    return CopyIn.model_validate({"source": "tree", "path": "/srv", **options}, context=RecipeContext(folder))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "folder/empty").mkdir(parents=True)
    (tree / "folder/it's").write_bytes(bytes(range(256)) * 20_000)
    (tree / ".hidden").write_text("text")
    (tree / "link").symlink_to("/nowhere")
    (tree / "folder").chmod(0o2750)
    os.chown(tree / ".hidden", 12, 34)
    (tree / ".hidden").chmod(0o6711)
    os.chown(tree, 56, 78)
    tree.chmod(0o700)
    return tree


def test_refused(tmp_path: Path, tree: Path) -> None:
    os.mkfifo(tree / "folder/pipe")
    for options, reason in (
        ({"source": "none"}, "no such file: none"),
        ({"source": 5}, "must be a path"),
        ({"path": "srv"}, "absolute"),
        ({}, "not a file, folder or link: .*/folder/pipe"),
    ):
        with pytest.raises(ValidationError, match=reason):
            copy_in(tmp_path, **options)


def test_layer_key_covers_the_whole_tree(tmp_path: Path, tree: Path) -> None:
    def key(**options: Any) -> str:
        return str(copy_in(tmp_path, **options).key_options(KeyContext(b"")))

    first = key()
    assert key() == first
    assert key(source="tree/.") == key(source="tree/folder/..") == first
    keys = [first]
    for command in (
        "echo else >folder/it\\'s",
        "chmod 755 folder",
        "chown -h 1:1 link",
        "rmdir folder/empty",
        "ln -sfn /else link",
        "mv folder renamed",
        "mv link renamed",
    ):
        subprocess.run(["sh", "-c", command], cwd=tree, check=True)
        keys.append(key())
    tree.rename(tmp_path / "other")
    keys.append(key(source="other"))
    keys.append(key(source="other/.hidden"))
    assert len(set(keys)) == len(keys)


def test_kept_paths(tmp_path: Path, tree: Path) -> None:
    kept = copy_in(tmp_path, path="/root/").kept_paths()
    below = ["", "/.hidden", "/folder", "/folder/empty", "/folder/it's", "/link"]
    assert sorted(kept) == [f"/root/tree{name}" for name in below]
    assert list(copy_in(tmp_path, source="tree/.hidden").kept_paths()) == ["/srv/.hidden"]


def test_copy_in(folder_debian: Guest, tmp_path: Path, tree: Path) -> None:
    guest = folder_debian
    step = copy_in(tmp_path, path="/srv/new/it's")
    assert [finding.ok for finding in step.check(guest)] == [False]
    step.apply(guest)
    assert [finding.message for finding in step.check(guest)] == ["/srv/new/it's/tree has all 6 entries of tree"]
    look = "cd /srv/new; find . -printf '%P %y %m %U:%G %l\\n' | sort"
    assert [line.rstrip() for line in guest.query(look).splitlines()] == [
        "d 755 0:0",
        "it's d 755 0:0",
        "it's/tree d 700 56:78",
        "it's/tree/.hidden f 6711 12:34",
        "it's/tree/folder d 2750 0:0",
        "it's/tree/folder/empty d 755 0:0",
        "it's/tree/folder/it's f 644 0:0",
        "it's/tree/link l 777 0:0 /nowhere",
    ]
    assert guest.read_bytes("/srv/new/it's/tree/folder/it's") == (tree / "folder/it's").read_bytes()
    assert guest.glob("/.*") == ["/.", "/.."], "nothing of the transport is left"

    # Merged into the existing folder; a link to a folder stays a link.
    guest.write("/srv/real/folder/other", "other")
    guest.write("/srv/real/.hidden", "old", mode=0o600)
    guest.mkdir("/srv/merged")
    guest.link("/srv/real", "/srv/merged/tree")
    merged = copy_in(tmp_path, path="/srv/merged")
    assert [finding.ok for finding in merged.check(guest)] == [False]
    merged.apply(guest)
    assert [finding.ok for finding in merged.check(guest)] == [True]
    assert guest.read_link("/srv/merged/tree") == "/srv/real"
    assert guest.read("/srv/real/.hidden") == "text"
    assert guest.read("/srv/real/folder/other") == "other"

    for spoil in (
        lambda: guest.write("/srv/real/.hidden", "spoilt"),
        lambda: guest.chmod("/srv/real/folder", 0o700),
        lambda: guest.chown("/srv/real/link", "1:1"),
        lambda: guest.link("/else", "/srv/real/link"),
        lambda: guest.remove("/srv/real/folder/empty"),
    ):
        merged.apply(guest)
        spoil()  # type: ignore[no-untyped-call]
        assert [finding.ok for finding in merged.check(guest)] == [False]

    (tmp_path / "alias").symlink_to("tree")
    alias = copy_in(tmp_path, source="alias")
    alias.apply(guest)
    assert [finding.ok for finding in alias.check(guest)] == [True]
    assert guest.stat("/srv/alias").kind == "folder"

    file = copy_in(tmp_path, source="tree/.hidden", path="/srv/for/file")
    assert [finding.ok for finding in file.check(guest)] == [False]
    file.apply(guest)
    assert [finding.ok for finding in file.check(guest)] == [True]
    assert guest.query("cd /srv/for/file; stat -c '%a %u:%g' .hidden; cat .hidden") == "6711 12:34\ntext"

    # A tree that was removed in the meantime is reported as an error of the host.
    shutil.rmtree(tree)
    with pytest.raises(FileNotFoundError):
        step.apply(guest)
