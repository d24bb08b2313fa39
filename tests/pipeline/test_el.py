"""The shipped EL recipes through the command line, from guests shaped like their bases to nodes that boot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.appliance import Appliance
from builder.guest import bootloader, selinux
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from tests.conftest import PROJECT, Golden
from tests.guests import ElGuest
from tests.hypervisors import Console, Place
from tests.machine import Machine
from tests.mounting import mounted, overlay_on, throw_away
from tests.probe import DONE, Answers, install_probe, read_probe
from tests.servers import ftp_server

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Built:
    """What a recipe came to: what `golden build --json` printed, and the guest that it began with."""

    result: dict[str, Any]
    info: GuestInfo

    @property
    def disk(self) -> Path:
        return Path(self.result["path"]) / "disk.qcow2"

    @contextmanager
    def look(self, appliance: Appliance, folder: Path) -> Iterator[Guest]:
        """The published disk, mounted."""
        with throw_away(appliance, (self.disk, self.info), folder) as guest:
            yield guest

    def boot(self, appliance: Appliance, folder: Path) -> Answers:
        """A node's answers to the probe; its console has asked for a login by then."""
        overlay = overlay_on(self.disk, folder / "node.qcow2")
        with mounted(appliance, overlay, self.info) as guest:
            install_probe(guest)
        with Machine(overlay, folder / "console") as machine:
            machine.wait_for(DONE, "login:")
        with mounted(appliance, overlay, self.info) as guest:
            return read_probe(guest)


DEAD = "[{name}]\nname={name}\nmirrorlist=http://mirrorlist.invalid/\n"
"""What the distribution itself put there: a repository that does not answer."""


def build(golden: Golden, base: ElGuest, tree: Path, folder: Path, dead: str) -> Built:
    """Build a shipped recipe as it is, but with a tree of the base's own packages, and their key.

    The guest has a repository called `dead` that does not answer.
    """
    shutil.copytree(PROJECT / "recipes", folder, dirs_exist_ok=True)
    shutil.copy(base.key, folder / "files/RPM-GPG-KEY-CentOS-7")
    recipe = folder / f"{base.folder.name}.yaml"
    shipped = recipe.read_text()
    (variables,) = (line for line in shipped.splitlines() if line.startswith("vars: {tree:"))
    write = {"write": {"path": f"/etc/yum.repos.d/{dead}.repo", "content": DEAD.format(name=dead)}}
    with ftp_server(tree) as served:
        text = shipped.replace(variables, f"vars: {{tree: '{served}'}}")
        recipe.write_text(text.replace("\nsteps:\n", f"\nsteps:\n  - {json.dumps(write)}\n"))
        done = golden("build", recipe, "--base", base.disk, "--json")
    assert done.returncode == 0, done.stderr
    return Built(json.loads(done.stdout), base.info)


@pytest.fixture(scope="module")
def built_centos7(golden: Golden, centos7: ElGuest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(golden, centos7, centos7.repository, tmp_path_factory.mktemp("recipes"), "CentOS-Base")


@pytest.fixture(scope="module")
def built_almalinux9(golden: Golden, almalinux9: ElGuest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(golden, almalinux9, almalinux9.dvd, tmp_path_factory.mktemp("recipes"), "almalinux-baseos")


def names(guest: Guest) -> set[str]:
    """The names of installed packages."""
    return set(guest.query("rpm -qa --qf '%{NAME}\\n'").split())


def test_centos7_is_the_template_that_was_made_by_hand(
    built_centos7: Built, appliance: Appliance, tmp_path: Path
) -> None:
    assert built_centos7.result["audit"]["failed"] == 0
    with built_centos7.look(appliance, tmp_path) as guest:
        assert "SELINUX=disabled\n" in guest.read("/etc/selinux/config")
        assert not guest.exists("/.autorelabel")
        assert {"lftp", "lrzsz", "cloud-utils-growpart", "gpg-pubkey"} <= names(guest)
        assert not [name for name in names(guest) if name.startswith(("NetworkManager", "firewalld", "python-"))]
        ifcfg = guest.read("/etc/sysconfig/network-scripts/ifcfg-eth0")
        for setting in ("DEVICE=eth0", "ONBOOT=yes", "IPV6INIT=no", "TYPE=Ethernet", "BOOTPROTO=dhcp"):
            assert setting in ifcfg.replace('"', "").splitlines()
        assert "HWADDR" not in ifcfg
        assert "NOZEROCONF=yes" in guest.read("/etc/sysconfig/network").replace('"', "").splitlines()
        repository = guest.read("/etc/yum.repos.d/local_repo.repo").splitlines()
        assert repository[:2] == ["[local_repo]", "name=CentOS-$releasever - Base"]
        assert repository[2].startswith("baseurl=ftp://")
        assert {"enabled=1", "gpgcheck=1"} <= set(repository)
        assert guest.ls("/etc/yum.repos.d") == ["local_repo.repo"]
        assert "GRUB_DISABLE_LINUX_UUID=true" in guest.read("/etc/default/grub").replace('"', "").splitlines()
        assert guest.read("/etc/fstab").split()[0] == "/dev/vda1"
        assert "LANG=en_US.UTF-8" in guest.read("/etc/locale.conf").replace('"', "")
        lines = bootloader.of(guest).kernel_lines()
        assert len(lines) == 2
        for line in lines:
            assert {"root=/dev/vda1", "biosdevname=0", "net.ifnames=0", "console=ttyS0,115200n8"} <= set(line)
            assert not {"rhgb", "quiet"} & set(line)


def test_a_clone_of_centos7_learns_its_name_and_address(built_centos7: Built, golden: Golden, place: Place) -> None:
    """By DHCP alone: there is no cloud-init in it, and nothing was written to its disk."""
    template = str(built_centos7.result["template"])
    done = golden("clone", template, "el1", *place.options, "--memory", "1G", "--json")
    assert done.returncode == 0, done.stderr
    (node,) = json.loads(done.stdout)["nodes"]
    console = Console(place.hypervisor, "el1")
    console.wait_for("el1 login:", timeout=500)
    (lease,) = place.hypervisor.network(place.network).leases()
    assert (lease.mac, lease.address, lease.hostname) == (node["macs"][0], node["address"], "el1")


@pytest.mark.soak  # a clone of it boots in the test before
def test_a_node_of_centos7_boots(built_centos7: Built, appliance: Appliance, tmp_path: Path) -> None:
    answers = built_centos7.boot(appliance, tmp_path)
    assert (answers.state, answers.failed, answers.root) == ("running", "", "/dev/vda1")
    assert answers.size > 31 << 30, "root has not grown to the disk's size"
    assert {"root=/dev/vda1", "net.ifnames=0"} <= set(answers.arguments)
    assert "inet 10.0.2." in answers.address


def test_almalinux9_is_what_its_recipe_says(built_almalinux9: Built, appliance: Appliance, tmp_path: Path) -> None:
    assert built_almalinux9.result["audit"]["failed"] == 0
    with built_almalinux9.look(appliance, tmp_path) as guest:
        assert {"lftp", "lrzsz", "cloud-utils-growpart", "gpg-pubkey", "NetworkManager"} <= names(guest)
        assert not [name for name in names(guest) if name.startswith("firewalld")]
        assert guest.ls("/etc/yum.repos.d") == ["appstream.repo", "baseos.repo"]
        for part in ("BaseOS", "AppStream"):
            repository = guest.read(f"/etc/yum.repos.d/{part.lower()}.repo").splitlines()
            assert repository[:2] == [f"[{part.lower()}]", f"name=AlmaLinux $releasever - {part}"]
            assert repository[2].startswith("baseurl=ftp://")
            assert repository[2].endswith(f"/{part}")
            assert {"enabled=1", "gpgcheck=1"} <= set(repository)
        assert "SELINUX=enforcing\n" in guest.read("/etc/selinux/config")
        assert not guest.exists("/.autorelabel")
        assert selinux.find_unlabelled(guest) == []
        assert guest.read("/etc/fstab").split()[0] == "/dev/vda1"
        assert "LANG=en_US.UTF-8" in guest.read("/etc/locale.conf").replace('"', "").splitlines()
        assert "NOZEROCONF=yes" in guest.read("/etc/sysconfig/network").replace('"', "").splitlines()
        profile = guest.read("/etc/NetworkManager/system-connections/eth0.nmconnection")
        assert "interface-name=eth0\n" in profile
        assert "mac-address" not in profile
        assert "[ipv6]\nmethod=disabled\n" in profile
        entries = guest.glob("/boot/loader/entries/*.conf")
        assert len(entries) == 2
        for entry in entries:
            assert "b7e4c1d2a3f54e6c8d9b0a1c2e3f4d5b" not in entry + guest.read(entry), "it names the base's machine-id"
            (options,) = (line for line in guest.read(entry).splitlines() if line.startswith("options "))
            assert {"root=/dev/vda1", "net.ifnames=0", "console=ttyS0,115200n8"} <= set(options.split())
            assert not {"rhgb", "quiet"} & set(options.split())
        assert "root=/dev/vda1" in guest.read("/etc/kernel/cmdline").split()


def test_a_node_of_almalinux9_boots(built_almalinux9: Built, appliance: Appliance, tmp_path: Path) -> None:
    answers = built_almalinux9.boot(appliance, tmp_path)
    assert (answers.state, answers.failed, answers.root) == ("running", "", "/dev/vda1")
    assert answers.size > 31 << 30, "root has not grown to the disk's size"
    assert {"root=/dev/vda1", "net.ifnames=0"} <= set(answers.arguments)
