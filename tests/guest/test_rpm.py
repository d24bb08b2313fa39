"""Guests with rpm: their package managers, keys and repositories, over every way to reach one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from builder import process
from builder.errors import CommandError
from builder.guest import packages
from builder.guest.guest import Guest
from builder.guest.packages.rpm import Rpm, first_packet
from builder.inputs import RecipeContext
from builder.steps import Step
from builder.steps.gpg_key import GpgKey
from builder.steps.install import Install
from builder.steps.repo import Repo
from builder.steps.uninstall import Uninstall
from builder.steps.update import Update
from tests.guests import ElGuest
from tests.servers import ftp_server, http_server

pytestmark = pytest.mark.slow


@pytest.fixture(params=["centos7", "almalinux9"])
def el(request: pytest.FixtureRequest) -> tuple[Guest, ElGuest]:
    """A mounted guest, and the packages for it."""
    return request.getfixturevalue(f"{request.param}_guest"), request.getfixturevalue(request.param)


def repo(source: str, packages: ElGuest, **options: Any) -> Repo:
    return Repo.model_validate(
        {"id": "local_repo", "name": "Local - Base", "baseurl": source, **options},
        context=RecipeContext(packages.folder),
    )


def wrong(step: Step, guest: Guest) -> list[str]:
    return [finding.message for finding in step.check(guest) if not finding.ok]


def test_the_whole_way_of_a_package(el: tuple[Guest, ElGuest]) -> None:
    guest, offered = el
    manager = packages.of(guest)
    assert isinstance(manager, Rpm)
    before = {package.name for package in manager.installed()}
    assert {"NetworkManager", "NetworkManager-tui", "firewalld", "bash"} <= before
    assert not manager.has_key(offered.key.read_bytes())

    key = GpgKey.model_validate("key", context=RecipeContext(offered.folder))
    assert wrong(key, guest) == ["/etc/pki/rpm-gpg/key is missing"]
    key.apply(guest)
    assert wrong(key, guest) == []
    assert manager.has_key(offered.key.read_bytes())

    with http_server(offered.repository) as server:
        step = repo(server.url, offered)
        assert wrong(step, guest) == ["/etc/yum.repos.d/local_repo.repo does not match the recipe"]
        step.apply(guest)
        assert wrong(step, guest) == []
        assert "gpgcheck=1" in guest.read("/etc/yum.repos.d/local_repo.repo")
        index = offered.repository / "repodata/repomd.xml"
        assert guest.take_observations() == {
            f"{server.url}/repodata/repomd.xml": hashlib.sha256(index.read_bytes()).hexdigest()
        }

        install = Install(packages=["lftp", "lrzsz"])
        assert wrong(install, guest) == ["lftp is not installed", "lrzsz is not installed"]
        install.apply(guest)
        assert wrong(install, guest) == []
        assert guest.query("lftp") == "LFTP 4.4.8"
        (lftp,) = (package for package in manager.installed() if package.name == "lftp")
        assert (lftp.source, lftp.license) == (f"lftp-{lftp.version}.src.rpm", "Public Domain")
        exact = [f"lftp-{lftp.version}.{lftp.arch}", "lftp-4.4.8", "lftp.noarch"]
        assert wrong(Install(packages=[*exact, "lftp-4.4.9"]), guest) == ["lftp-4.4.9 is not installed"]

        Update(everything=True).apply(guest)
        assert guest.read("/usr/share/hwdata/usb.ids") == "# 0.379\n"
        assert wrong(Update(everything=True), guest) == []

        with pytest.raises(CommandError, match="no-such-package"):
            Install(packages=["no-such-package"]).apply(guest)

    gone = Uninstall(packages=["NetworkManager*", "firewalld*", "python*-firewall"])
    assert wrong(gone, guest) != []
    gone.apply(guest)
    assert wrong(gone, guest) == []
    assert {"bash", "lftp"} <= {package.name for package in manager.installed()}
    # The audit reads a disk that cannot be written.
    guest.unmount()
    guest.mount(read_only=True)
    assert wrong(install, guest) == wrong(gone, guest) == wrong(key, guest) == []


def test_ftp(centos7_guest: Guest, centos7: ElGuest) -> None:
    with ftp_server(centos7.repository) as url:
        repo(url, centos7, key="key").apply(centos7_guest)
        Install(packages=["lftp"]).apply(centos7_guest)
    assert wrong(Install(packages=["lftp"]), centos7_guest) == []


def put_in(guest: Guest, folder: Path) -> None:
    """Copy a repository into the guest, under /srv."""
    for file in (path for path in folder.rglob("*") if path.is_file()):
        path = f"/srv/{folder.name}/{file.relative_to(folder)}"
        guest.mkdir(path.rpartition("/")[0])
        guest.upload(file, path)


def test_what_is_not_signed_right_is_refused(almalinux9_guest: Guest, almalinux9: ElGuest) -> None:
    guest = almalinux9_guest
    for folder in (almalinux9.repository, almalinux9.tampered, almalinux9.unsigned):
        put_in(guest, folder)
    repo("file:///srv/repository", almalinux9).apply(guest)
    with pytest.raises(CommandError, match="you do not have any GPG public keys installed") as caught:
        Install(packages=["lftp"]).apply(guest)
    assert "`gpg-key:`" in str(caught.value.hint)
    for name in ("tampered", "unsigned"):
        repo(f"file:///srv/{name}", almalinux9, key="key").apply(guest)
        with pytest.raises(CommandError, match=r"not signed|does not verify|checksum|GPG check FAILED"):
            Install(packages=["lftp"]).apply(guest)
    assert wrong(Install(packages=["lftp"]), guest) != []
    repo("file:///srv/repository", almalinux9, key="key").apply(guest)
    Install(packages=["lftp"]).apply(guest)


def test_a_repository_that_does_not_answer_is_named(centos7_guest: Guest, centos7: ElGuest) -> None:
    for url in ("http://169.254.2.2:9/$releasever/os", "file:///nowhere"):
        with pytest.raises(CommandError) as caught:
            repo(url, centos7).apply(centos7_guest)
        assert url.replace("$releasever", "7") in str(caught.value)


def test_a_key_is_the_same_in_every_writing(centos7: ElGuest, tmp_path: Path) -> None:
    process.run(["gpg", "--batch", "--quiet", "--dearmor", "--output", str(tmp_path / "binary"), str(centos7.key)])
    assert first_packet(centos7.key.read_bytes()) == first_packet((tmp_path / "binary").read_bytes()) != b""
