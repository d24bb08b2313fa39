from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.inputs import KeyContext, RecipeContext
from builder.steps.upload import Upload


def upload(folder: Path, **options: Any) -> Upload:
    return Upload.model_validate({"source": "file", **options}, context=RecipeContext(folder))


def test_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for options, reason in (
        ({"source": "none", "path": "/x"}, "no such file: none"),
        ({"source": "folder", "path": "/x"}, "not a file: folder"),
        ({"path": "x"}, "absolute"),
        ({"path": "/a/../b/"}, r"must not contain \.\."),
        ({"path": "/x", "mode": 644}, "put it in quotes"),
    ):
        with pytest.raises(ValidationError, match=reason):
            upload(tmp_path, **options)


def test_layer_key_follows_content_mode_and_name(tmp_path: Path) -> None:
    keys = set()
    for name, content, mode in (("a", "1", 0o644), ("a", "2", 0o644), ("a", "2", 0o755), ("b", "2", 0o755)):
        file = tmp_path / name
        file.write_text(content)
        file.chmod(mode)
        keys.add(str(upload(tmp_path, source=name, path="/srv/").key_options(KeyContext(b""))))
    assert len(keys) == 4


def test_kept_paths(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert list(upload(tmp_path, path="/root/").kept_paths()) == ["/root/file"]
    assert list(upload(tmp_path, path="/root/x").kept_paths()) == ["/root/x", "/root/x/file"]


def test_upload(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    source = tmp_path / "file"
    source.write_bytes(bytes(range(256)) * 20_000)
    source.chmod(0o6711)
    os.chown(source, 12, 34)
    source.chmod(0o6711)
    guest.mkdir("/srv/real")
    guest.link("real", "/srv/alias")

    for path, file in (
        ("/srv/new/folder/name", "/srv/new/folder/name"),
        ("/srv/new/other/", "/srv/new/other/file"),
        ("/srv/real", "/srv/real/file"),
        ("/srv/alias/as", "/srv/real/as"),
    ):
        step = upload(tmp_path, path=path)
        assert [finding.ok for finding in step.check(guest)] == [False]
        step.apply(guest)
        stat = guest.find_stat(file)
        assert stat is not None
        assert (stat.mode, stat.uid, stat.gid, stat.size) == (0o6711, 12, 34, 5_120_000)
        assert [finding.ok for finding in step.check(guest)] == [True, True, True]

    guest.write("/srv/real/file", "else", mode=0o600, owner="0:0")
    assert [finding.ok for finding in upload(tmp_path, path="/srv/real").check(guest)] == [False, False, False]

    own = upload(tmp_path, path="/srv/own", mode="0640", owner="root:adm")
    own.apply(guest)
    assert guest.query("stat -c '%a %U:%G' /srv/own") == "640 root:adm"
    assert all(finding.ok for finding in own.check(guest))
