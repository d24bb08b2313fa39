from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.bases import BaseRequest, BootstrapBase
from builder.bases.bootstrap import DebianBootstrap
from builder.bases.mirror import PackageSource, host_sources, named_source, suites, switch_release
from builder.errors import HostError, RequestError

MAIN, SECURITY = "http://mirror.example/debian", "http://mirror.example/debian-security"
HOST = [
    (MAIN, "bookworm"),
    (MAIN, "bookworm-updates"),
    (SECURITY, "bookworm-security"),
]


def test_the_line_in_apt_s_sources() -> None:
    assert PackageSource(MAIN, "bookworm").line == f"deb {MAIN} bookworm main"


def test_the_host_s_own_release() -> None:
    assert switch_release(HOST, "bookworm", "bookworm") == [PackageSource(uri, suite) for uri, suite in HOST]


def test_another_release() -> None:
    assert switch_release(HOST, "bookworm", "trixie") == [
        PackageSource(MAIN, "trixie"),
        PackageSource(MAIN, "trixie-updates"),
        PackageSource(SECURITY, "trixie-security"),
    ]


def test_other_suites_are_left_out() -> None:
    others = [("http://other.example", "stable"), (MAIN, "bookworm-backports"), (MAIN, "trixie")]
    assert switch_release([*others, *HOST, *HOST], "bookworm", "bookworm") == switch_release(
        HOST, "bookworm", "bookworm"
    )


@pytest.mark.parametrize("entries", [[], HOST[1:], [("http://other.example", "stable")]])
def test_a_host_without_a_mirror(entries: list[tuple[str, str]]) -> None:
    with pytest.raises(HostError) as caught:
        switch_release(entries, "bookworm", "trixie")
    assert str(caught.value) == (
        "this host's apt has no Debian mirror\n"
        "  no repository of bookworm is configured\n"
        "hint: set one in the recipe: base: {bootstrap: {…, mirror: http://…}}"
    )
    with pytest.raises(HostError, match="has no Debian mirror") as caught:
        switch_release(entries, "", "trixie")
    assert caught.value.details == "no repository of Debian is configured"


def test_the_mirror_of_this_host() -> None:
    try:
        found = {source.suite for source in host_sources("trixie")}
    except HostError:
        return
    assert "trixie" in found
    assert found <= {*suites("trixie")}


@pytest.mark.parametrize(
    "mirror",
    ["http://mirror.example/debian/", "https://[::1]:8443/d?x=%20", "file:///srv/debian", "ftp://192.0.2.1/debian"],
)
def test_a_named_mirror(mirror: str) -> None:
    assert named_source(mirror, "bookworm") == [PackageSource(mirror.rstrip("/"), "bookworm")]
    bootstrap = DebianBootstrap(distribution="debian", release="bookworm", mirror=mirror)
    assert bootstrap.sources == named_source(mirror, "bookworm")


@pytest.mark.parametrize(
    "mirror",
    [
        *("", "mirror.example/debian", "debian", "HTTP://mirror.example", "http://", "file:///", "file://host/debian"),
        "http://mirror.example/debian bookworm main",
        "http://mirror.example/debian\ndeb http://other.example/debian",
        *("http://mirror.example/debian\n", "http://mirror.example/\tdebian", "http://mirror.example/\x1b[2J"),
        *(" http://mirror.example/debian", "http://mirror.example/d\u00a0b", "[trusted=yes] http://mirror.example"),
    ],
)
def test_an_invalid_mirror_url(mirror: str) -> None:
    with pytest.raises(RequestError, match="invalid mirror URL"):
        named_source(mirror, "bookworm")
    with pytest.raises(ValidationError, match="pattern"):
        DebianBootstrap(distribution="debian", release="bookworm", mirror=mirror)


def identity(size: int | None = None, **options: object) -> dict[str, object]:
    given = {"distribution": "debian", "release": "bookworm", "mirror": MAIN, **options}
    return BootstrapBase.model_validate({"bootstrap": given}).identity(BaseRequest(Path(), Path(), size))


def test_identity() -> None:
    assert identity() == identity(4 << 30)
    assert identity(packages=["curl", "nano"]) == identity(packages=["nano", "curl", "nano"])
    others = [identity(8 << 30), identity(packages=["curl"]), identity(release="trixie"), identity(mirror=SECURITY)]
    assert all(other != identity() for other in others)
    assert identity(packages=["linux-image-amd64"])["packages"] == sorted(
        ["grub-pc", "systemd-sysv", "dbus", "ca-certificates", "linux-image-amd64"]
    )


@pytest.mark.parametrize("name", ["", "-x", "a b", "a,b", "a\n", "--include=x"])
def test_an_invalid_package_name(name: str) -> None:
    with pytest.raises(ValidationError, match="invalid package name"):
        identity(packages=[name])
