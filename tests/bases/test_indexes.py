"""The upstream indexes that a base is made from: they change while the recipe stays the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builder.bases import BaseRequest, BootstrapBase, ImageBase, TemplateBase
from builder.bases.bootstrap import debian
from builder.bases.mirror import PackageSource
from builder.events import Event, Notice
from builder.pipeline.base import read_indexes
from builder.upstream import Upstream
from tests.upstream.mirror import running_mirror


def indexes(folder: Path, **given: Any) -> list[str]:
    return BootstrapBase.model_validate({"bootstrap": given}).indexes(BaseRequest(folder, folder))


def test_of_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options: dict[str, Any] = {"distribution": "debian", "release": "bookworm"}
    assert indexes(tmp_path, **options, mirror="http://m/debian/") == ["http://m/debian/dists/bookworm/InRelease"]
    sources = [PackageSource("http://m/debian", "bookworm"), PackageSource("http://s/debian", "bookworm-security")]
    monkeypatch.setattr(debian, "host_sources", lambda release: sources)
    assert indexes(tmp_path, **options) == [
        "http://m/debian/dists/bookworm/InRelease",
        "http://s/debian/dists/bookworm-security/InRelease",
    ]


@pytest.mark.parametrize(
    ("baseurl", "index"),
    [
        ("http://m/$releasever/BaseOS/${basearch}/os/", "http://m/9/BaseOS/x86_64/os/repodata/repomd.xml"),
        ("ftp://me:x@m/alma", "ftp://me:x@m/alma/repodata/repomd.xml"),
        ("file:///srv/$arch", "file:///srv/x86_64/repodata/repomd.xml"),
        ("a repo/$releasever", "file://FOLDER/a%20repo/9/repodata/repomd.xml"),
    ],
)
def test_of_repositories(tmp_path: Path, baseurl: str, index: str) -> None:
    repo = {"id": "own", "baseurl": baseurl, "gpgkey": "key"}
    found = indexes(tmp_path, distribution="almalinux", release="9", repos=[repo])
    assert found == [index.replace("FOLDER", str(tmp_path))]


def test_others_have_none(tmp_path: Path) -> None:
    request = BaseRequest(tmp_path, tmp_path)
    assert ImageBase(image="http://m/x.qcow2", sha256="0" * 64).indexes(request) == []
    assert TemplateBase(template="web").indexes(request) == []


def test_what_is_there_before_it_is_made(tmp_path: Path) -> None:
    heard: list[Event] = []
    upstream = Upstream(tmp_path / "upstream")
    with running_mirror(tmp_path / "mirror") as mirror:
        here, gone = mirror.url("InRelease"), mirror.url("none").replace("//", "//me:hunter2@")
        mirror.put("InRelease", "old")
        upstream.fetch([here])
        new = mirror.put("InRelease", "new")
        assert read_indexes([here, gone], upstream, heard.append) == {here: new, gone: None}
    (notice,) = heard
    assert isinstance(notice, Notice)
    assert notice.warning
    assert notice.text.startswith("cannot read http://me:***@")
    assert "404" in notice.text
    assert read_indexes([], upstream, heard.append) == {}
