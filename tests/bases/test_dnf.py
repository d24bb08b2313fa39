"""A real `dnf --installroot`, from signed packages of the tests to a node that boots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from builder.appliance.appliance import Appliance
from builder.bases import BaseRequest, BootstrapBase, BuildContext
from builder.errors import CommandError, GoldenError
from builder.events import silent
from builder.guest import bootloader, selinux
from builder.guest.info import GuestInfo
from tests.conftest import Golden
from tests.guests import ElGuest
from tests.machine import Machine
from tests.mounting import mounted, overlay_on
from tests.pipeline.builds import wait_until_gone
from tests.probe import DONE, install_probe, read_probe
from tests.servers import ftp_server

pytestmark = pytest.mark.slow

RECIPE = """\
name: bootstrapped
base:
  bootstrap:
    distribution: almalinux
    release: "9"
    packages: [cloud-utils-growpart, lftp]
    repos:
      - {{id: system, baseurl: "{tree}", gpgkey: key}}
      - {{id: extra, baseurl: extra, gpgkey: key}}
size: 4G
steps:
  - fstab: device-names
  - kernel-args: {{add: [net.ifnames=0]}}
  - serial-console: ttyS0
  - growpart: /
  - root-password: locked
"""


@pytest.mark.soak
def test_a_system_from_packages_boots(
    golden: Golden, almalinux9: ElGuest, appliance: Appliance, tmp_path: Path
) -> None:
    (tmp_path / "extra").symlink_to(almalinux9.repository)
    (tmp_path / "key").write_bytes(almalinux9.key.read_bytes())
    recipe = tmp_path / "recipe.yaml"
    with ftp_server(almalinux9.system) as tree:
        # The address that guests use for this host does not work on this host.
        recipe.write_text(RECIPE.format(tree=f"ftp://127.0.0.1:{urlsplit(tree).port}"))
        done = golden("build", recipe, "--json")
        assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    assert built["audit"]["failed"] == 0
    manifest = json.loads((Path(built["path"]) / "manifest.json").read_text())
    info = GuestInfo.from_json(manifest["guest"])
    assert (info.distribution, info.major, info.package_manager) == ("almalinux", 9, "dnf")
    names = {package["name"] for package in manifest["packages"]}
    assert {"systemd", "kernel", "grub2-pc", "almalinux-release", "lftp"} <= names

    overlay = overlay_on(Path(built["path"]) / "disk.qcow2", tmp_path / "node.qcow2", 6 << 30)
    with mounted(appliance, overlay, info) as guest:
        assert not guest.exists("/var/tmp/golden")
        assert guest.ls("/dev") == []
        assert guest.query("rpm -q gpg-pubkey").count("gpg-pubkey-") == 1
        assert guest.query("rpm -q --qf '%{VERSION}' lftp") == "4.4.8"
        assert len(guest.glob("/boot/loader/entries/*.conf")) == len(bootloader.of(guest).kernel_lines()) == 1
        assert selinux.find_unlabelled(guest) == []
        install_probe(guest)
    with Machine(overlay, tmp_path / "console") as machine:
        machine.wait_for(DONE, "AlmaLinux 9.3 (Shamrock Pampas Cat)", "login:")
    with mounted(appliance, overlay, info) as guest:
        probe = read_probe(guest)
    assert (probe.state, probe.failed, probe.root) == ("running", "", "/dev/vda1")
    assert {"root=/dev/vda1", "net.ifnames=0"} <= set(probe.arguments)
    assert probe.size > 5.5 * (1 << 30), "root has not grown to the disk's size"


Collect = Callable[..., GoldenError]


@pytest.fixture
def refusal(almalinux9: ElGuest, tmp_path: Path) -> Collect:
    """The error of a bootstrap from the guest's small repository, which must leave nothing behind."""

    def refusal(*packages: str, **changes: Any) -> GoldenError:
        repo = {"id": "own", "baseurl": str(almalinux9.system), "gpgkey": str(almalinux9.key), **changes}
        given = {"distribution": "almalinux", "release": "9", "packages": list(packages), "repos": [repo]}
        base = BootstrapBase.model_validate({"bootstrap": given})

        def none() -> Appliance:
            raise AssertionError("the bootstrap started an appliance")

        context = BuildContext(
            BaseRequest(tmp_path, tmp_path / "templates"), tmp_path / "downloads", tmp_path, none, silent
        )
        before = sorted(tmp_path.iterdir())
        with pytest.raises(GoldenError) as caught:
            base.make(context, tmp_path / "disk.qcow2")
        assert sorted(tmp_path.iterdir()) == before
        wait_until_gone("dnf", str(tmp_path))
        assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
        return caught.value

    return refusal


def test_a_missing_package(refusal: Collect) -> None:
    error = refusal("bash-completion", "lftpp")
    assert error.message == "bootstrapping almalinux 9 failed: Unable to find a match: bash-completion lftpp"
    assert error.hint == "check the names, or add the repository that has bash-completion lftpp"


def test_signatures_of_another_key(refusal: Collect, centos7: ElGuest) -> None:
    error = refusal(gpgkey=str(centos7.key))
    assert isinstance(error, CommandError)
    assert error.message == "bootstrapping almalinux 9 failed: GPG check FAILED"
    assert "setup-1-1.el9.x86_64.rpm" in error.output
    assert error.hint
    assert error.hint.startswith("set `gpgkey:` to the key")


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/tree", "ftp://127.0.0.1:1/tree", "file:///nowhere"])
def test_a_missing_repository(refusal: Collect, address: str) -> None:
    error = refusal(baseurl=address)
    assert error.message.startswith("bootstrapping almalinux 9 failed: Failed to download metadata for repo 'own'")
    assert error.hint
    assert "`baseurl:`" in error.hint
