"""The guests themselves, for whatever a test of a step finds in them must be the step's doing."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.appliance.appliance import Appliance
from builder.errors import CommandError
from builder.guest.guest import Guest
from tests.guests import ElGuest
from tests.machine import Machine
from tests.mounting import mounted, overlay_on

pytestmark = pytest.mark.slow


def test_what_inspection_says(centos7: ElGuest, almalinux9: ElGuest) -> None:
    old, new = centos7.info, almalinux9.info
    assert (old.distribution, old.major, old.package_manager, old.family) == ("centos", 7, "yum", "redhat")
    assert (new.distribution, new.major, new.package_manager, new.family) == ("almalinux", 9, "dnf", "redhat")
    assert old.mounts == new.mounts == {"/": "DISK1"}


def test_centos7_is_managed_by_yum(centos7_guest: Guest) -> None:
    guest = centos7_guest
    guest.run('yum -y remove "NetworkManager*" "firewalld*" python-firewall')
    assert guest.glob("/usr/sbin/NetworkManager", "/etc/systemd/system/*/firewalld.service") == []
    left = guest.query("rpm -qa --qf '%{NAME} ' | sort").split()
    assert sorted(left) == ["bash", "centos-release", "hwdata"]
    assert guest.query("rpm -E %dist") == ".el7"


def test_packages_are_signed(almalinux9_guest: Guest, almalinux9: ElGuest) -> None:
    guest = almalinux9_guest
    for name in ("repository", "tampered", "unsigned"):
        for file in sorted((almalinux9.folder / name).rglob("*")):
            if file.is_file():
                path = f"/srv/{name}/{file.relative_to(almalinux9.folder / name)}"
                guest.mkdir(path.rpartition("/")[0])
                guest.upload(file, path)

        guest.write(f"/etc/yum.repos.d/{name}.repo", f"[{name}]\nname={name}\nbaseurl=file:///srv/{name}\n")

    def install(package: str, source: str) -> str:
        return guest.run(f"dnf -y --repo={source} install {package}")

    def refusal(source: str) -> str:
        with pytest.raises(CommandError) as caught:
            install("lftp", source)
        return caught.value.output

    assert "you do not have any GPG public keys installed" in refusal("repository")
    guest.run("rpm --import /etc/pki/rpm-gpg/RPM-GPG-KEY-AlmaLinux-9")
    assert "lftp-4.4.8-12.el9.noarch.rpm" in refusal("tampered")
    assert "lftp-4.4.8-12.el9.noarch.rpm is not signed" in refusal("unsigned")
    install("lftp hwdata", "repository")
    assert guest.query("lftp") == "LFTP 4.4.8"
    assert guest.read("/usr/share/hwdata/usb.ids") == "# 0.379\n"


def test_centos7_boots(centos7: ElGuest, appliance: Appliance, tmp_path: Path) -> None:
    overlay = overlay_on(centos7.disk, tmp_path / "node.qcow2")
    with mounted(appliance, overlay, centos7.info) as guest:
        config = guest.read("/boot/grub2/grub.cfg")
        first, second = (line.split()[1] for line in config.splitlines() if line.lstrip().startswith("linux"))
        assert "0-rescue" not in first
        assert "0-rescue" in second
        guest.write("/boot/grub2/grub.cfg", config.replace(" quiet", " console=ttyS0"))
    with Machine(overlay, tmp_path / "console") as machine:
        machine.wait_for("CentOS Linux 7 (Core)", "login:")


def test_almalinux9_boots_what_its_entries_say(almalinux9: ElGuest, appliance: Appliance, tmp_path: Path) -> None:
    overlay = overlay_on(almalinux9.disk, tmp_path / "node.qcow2")
    with mounted(appliance, overlay, almalinux9.info) as guest:
        main, _ = entries = sorted(guest.glob("/boot/loader/entries/*.conf"), key=lambda path: "rescue" in path)
        for entry in entries:
            word = "chosen" if entry == main else "other"
            guest.write(entry, guest.read(entry).replace(" quiet", f" console=ttyS0 golden={word}"))
    with Machine(overlay, tmp_path / "console") as machine:
        machine.wait_for("AlmaLinux 9.3 (Shamrock Pampas Cat)", "login:")
        assert "golden=chosen" in machine.read_console()
