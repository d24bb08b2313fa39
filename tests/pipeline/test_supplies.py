"""What a build takes packages from besides repositories: the cache of an earlier build, and media."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from builder import locks, process
from builder.appliance.appliance import Appliance
from builder.appliance.scratch import scratch_folder
from builder.events import Event, Notice
from builder.guest import supplies
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.guest.supplies import Supplies
from builder.paths import Output
from tests.conftest import Golden, share
from tests.guests import ElGuest
from tests.guests.debs import Signer, deb_medium
from tests.mounting import throw_away
from tests.pipeline.builds import write_recipe
from tests.servers import http_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared(output: Output, debian_base: tuple[Path, GuestInfo], tmp_path_factory: pytest.TempPathFactory) -> Output:
    """An output folder of these tests' own: to inspect the EL guest once is enough."""
    return share(output, Output(tmp_path_factory.mktemp("supplies")))


def write_el_recipe(folder: Path, guest: ElGuest, *lines: str) -> Path:
    recipe = folder / "el.yaml"
    recipe.write_text("\n".join([f"name: el\nbase: {{image: {guest.disk}}}", *lines]) + "\n")
    return recipe


def published(done: subprocess.CompletedProcess[str]) -> Path:
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["path"]) / "disk.qcow2"


def test_a_second_build_downloads_no_package_again(
    golden: Golden, shared: Output, centos7: ElGuest, tmp_path: Path
) -> None:
    with http_server(centos7.repository) as server:

        def build(motd: str) -> None:
            recipe = write_el_recipe(
                tmp_path,
                centos7,
                "steps:",
                f"  - write: {{path: /etc/motd, content: {motd}}}",
                f"  - repo: {{id: local_repo, baseurl: '{server.url}', key: '{centos7.key}'}}",
                "  - install: [lftp, lrzsz]",
            )
            done = golden("build", recipe, "--json", at=shared)
            published(done)
            ran = {action["step"] for action in json.loads(done.stdout)["actions"] if action["status"] == "ran"}
            assert {"repo", "install"} <= ran

        build("first")
        fetched = [path for path, _ in server.sent if path.endswith(".rpm")]
        assert len(fetched) == 2
        server.sent.clear()
        build("second")
        assert server.sent, "the repository was asked for its index"
        assert [path for path, _ in server.sent if path.endswith(".rpm")] == []
        assert sum(size for _, size in server.sent) == (centos7.repository / "repodata/repomd.xml").stat().st_size


@pytest.mark.parametrize("kind", [pytest.param("folder", marks=pytest.mark.soak), "iso"])
def test_an_install_medium_is_enough(
    kind: str, golden: Golden, shared: Output, centos7: ElGuest, appliance: Appliance, tmp_path: Path
) -> None:
    medium = centos7.repository
    if kind == "iso":
        medium = tmp_path / "install.iso"
        xorriso = process.find_tool("xorriso", package="xorriso")
        process.run([xorriso, "-as", "mkisofs", "-quiet", "-R", "-o", str(medium), str(centos7.repository)])
    steps = [
        f"  - gpg-key: {centos7.key}",
        # Nobody answers there, and nobody is asked.
        "  - repo: {id: local_repo, baseurl: 'ftp://192.168.1.254/centos7'}",
        "  - install: [lftp, lrzsz]",
    ]
    recipe = write_el_recipe(tmp_path, centos7, f"media: {medium}", "steps:", *steps)
    disk = published(golden("build", recipe, "--json", at=shared))
    (tmp_path / "look").mkdir()
    with throw_away(appliance, (disk, centos7.info), tmp_path / "look") as guest:
        assert guest.query("lftp") == "LFTP 4.4.8"
        assert "local_repo.repo" in guest.ls("/etc/yum.repos.d")
        ours = [path for folder in ("/etc", "/var", "/run") for path in guest.find(folder) if "golden" in path]
        # What a node does at its first boot is all that is left of us.
        assert [path for path in ours if not path.startswith("/etc/systemd/system/")] == []

    without_key = write_el_recipe(tmp_path, centos7, f"media: {medium}", "steps:", *steps[2:])
    refused = golden("build", without_key, at=shared)
    assert refused.returncode == 4
    assert "lftp-4.4.8-12.el7.noarch.rpm is not installed" in refused.stderr


def test_a_medium_for_apt(
    golden: Golden, shared: Output, debian_base: tuple[Path, GuestInfo], appliance: Appliance, tmp_path: Path
) -> None:
    with scratch_folder() as scratch, (signer := Signer(scratch, "A medium <medium@debian.test>")):
        medium = deb_medium(tmp_path, signer)
        (tmp_path / "medium.asc").write_text(signer.public_key)

    def build(*steps: str) -> subprocess.CompletedProcess[str]:
        recipe = write_recipe(tmp_path, "medium", *steps)
        recipe.write_text(recipe.read_text() + f"media: {medium}\n")
        return golden("build", recipe, "--json", at=shared)

    install = "install: [on-the-medium]"
    refused = build(install)
    assert refused.returncode == 4
    assert "NO_PUBKEY" in refused.stderr
    done = build("gpg-key: medium.asc", install)
    disk = published(done)
    (tmp_path / "look").mkdir()
    with throw_away(appliance, (disk, debian_base[1]), tmp_path / "look") as guest:
        assert guest.read("/usr/share/medium/file") == "from the medium\n"
        assert "golden" not in " ".join(guest.find("/etc/apt"))
    assert build("gpg-key: medium.asc", "install: [on-the-medium, lrzsz]").returncode == 4, "there is no other source"


def test_a_damaged_cache_is_begun_anew_and_one_in_use_is_left_alone(
    appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path: Path
) -> None:
    _, info = debian_base
    said: list[Event] = []
    folder = tmp_path / "packages"
    folder.mkdir()
    disk = folder / "debian-12-x86_64.raw"
    disk.write_bytes(b"no file system" * 1000)
    os.truncate(disk, supplies.SIZE)

    def use(command: str) -> str:
        own = Supplies(folder)
        with throw_away(appliance, debian_base, tmp_path) as guest:
            supplied = Guest(appliance, guest.device, info, said.append, own)
            path = supplied.package_cache("apt")
            answer = supplied.query(f"cd {path} && {command}") if path else "no cache"
            supplied.leave_chroot()
            own.close()
        return answer

    assert use("echo kept >file; ls") == "file"
    assert use("cat file") == "kept"
    lock = locks.try_hold(folder / "debian-12-x86_64.lock")
    assert lock is not None
    assert use("cat file") == "no cache"
    lock.release()
    assert [event.text for event in said if isinstance(event, Notice)] == [
        "another build uses the package cache; building without it"
    ]
    assert use("cat file") == "kept"
