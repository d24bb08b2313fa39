from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import CommandError, GuestError
from builder.guest.guest import Guest
from builder.inputs import KeyContext, RecipeContext
from builder.steps.repo import Repo

KEYRINGS = "/usr/share/keyrings"
SOURCE = "/etc/apt/sources.list.d/extra.sources"
KEY = "/etc/apt/keyrings/extra.gpg"


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"id": "../x"}, "id"),
        ({"id": "a b"}, "id"),
        ({"uri": "no address"}, "uri"),
        ({"uri": "http://a b"}, "uri"),
        ({"uri": "http://a\nTrusted: yes"}, "uri"),
        ({"suite": "a\nTrusted: yes"}, "suite"),
        ({"suite": "two words"}, "suite"),
        ({"components": []}, "at least one component"),
        ({"components": ["-x"]}, "components"),
        ({"suite": "./"}, "components: "),
        ({"key": "none"}, "no such file"),
        ({"key": "text"}, "not an OpenPGP public key"),
        ({"baseurl": "http://a"}, "set either suite"),
        ({"suite": None}, "set either suite"),
        (
            {"suite": None, "baseurl": "http://a", "components": ["main"]},
            "`components` cannot be set for an rpm repository, which has `baseurl`",
        ),
        ({"suite": None, "baseurl": "http://a b"}, "baseurl"),
        ({"suite": None, "baseurl": "http://a", "name": "two\nlines"}, "name"),
        ({"gpgcheck": False}, "`gpgcheck` cannot be set for an apt repository, which has `suite`"),
    ],
)
def test_refused(wrong: dict[str, Any], where: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key")
    with pytest.raises(ValidationError, match=where):
        Repo.model_validate({"id": "extra", "suite": "stable", **wrong}, context=RecipeContext(tmp_path))


def test_flat_repository() -> None:
    assert Repo.model_validate({"id": "flat", "uri": "file:/srv/x", "suite": "./", "components": []}).suite == "./"


def test_layer_key_follows_the_key_file(tmp_path: Path) -> None:
    keys = set()
    for content in (b"\x99\x01", b"\x99\x02"):
        (tmp_path / "key").write_bytes(content)
        step = Repo.model_validate({"id": "x", "suite": "s", "key": "key"}, context=RecipeContext(tmp_path))
        keys.add(str(step.key_options(KeyContext(b""))))
    assert len(keys) == 2


def repo(folder: Path, **options: Any) -> Repo:
    return Repo.model_validate({"id": "extra", "suite": "bookworm-updates", **options}, context=RecipeContext(folder))


@pytest.mark.slow
def test_repo(guest: Guest, tmp_path: Path) -> None:
    # One small suite is enough, and faster than all of the base's suites.
    first = next(line for line in guest.read("/etc/apt/sources.list").splitlines() if line.startswith("deb "))
    words = first.partition("]")[2].split() if "[" in first else first.split()[1:]
    mirror = words[0]
    guest.write("/etc/apt/sources.list", f"# the mirror\ndeb [arch=amd64] {mirror} bookworm-updates contrib\n")
    (tmp_path / "right").write_bytes(guest.read_bytes(f"{KEYRINGS}/debian-archive-keyring.gpg"))
    (tmp_path / "wrong").write_bytes(guest.read_bytes(f"{KEYRINGS}/debian-archive-bookworm-stable.gpg"))

    step = repo(tmp_path, key="right")
    assert not any(finding.ok for finding in step.check(guest))
    step.apply(guest)
    assert guest.read(SOURCE).splitlines() == [
        "Types: deb",
        f"URIs: {mirror}",
        "Suites: bookworm-updates",
        "Components: main",
        f"Signed-By: {KEY}",
    ]
    assert guest.read_bytes(KEY) == (tmp_path / "right").read_bytes()
    assert [finding.ok for finding in step.check(guest)] == [True, True]
    assert list(step.kept_paths()) == [SOURCE, KEY]
    assert "bookworm-updates main" in guest.query("apt-get indextargets --format '$(RELEASE) $(COMPONENT)'")
    assert [finding.ok for finding in repo(tmp_path, key="wrong").check(guest)] == [True, False]
    assert [finding.ok for finding in repo(tmp_path, key="right", components=["contrib"]).check(guest)] == [False, True]

    with pytest.raises(GuestError, match="the suite bookworm-updates has no component nosuch"):
        repo(tmp_path, components=["main", "nosuch"]).apply(guest)

    with pytest.raises(CommandError) as caught:
        repo(tmp_path, key="wrong").apply(guest)
    assert "public key is not available: NO_PUBKEY" in str(caught.value)

    with pytest.raises(CommandError) as caught:
        repo(tmp_path, uri="http://127.0.0.1:9/debian").apply(guest)
    assert "Could not connect to 127.0.0.1:9" in str(caught.value)


@pytest.mark.slow
def test_default_url(guest: Guest) -> None:
    guest.write("/etc/apt/sources.list", "# nothing here\n")
    step = Repo(id="extra", suite="stable", components=["main"])
    with pytest.raises(GuestError, match="no apt repository whose URL") as caught:
        step.apply(guest)
    assert caught.value.hint == "set `uri:` to the URL of the repository"
    guest.write(
        "/etc/apt/sources.list.d/base.sources",
        "Types: deb\nEnabled: no\nURIs: file:/off\nSuites: stable\nComponents: main\n"
        "\nTypes: deb\nURIs: file:/nowhere\nSuites: stable\nComponents: main\n",
    )
    with pytest.raises(CommandError, match=r"file:/nowhere stable Release") as failed:
        step.apply(guest)
    assert "does not have a Release file" in str(failed.value)
