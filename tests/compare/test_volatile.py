"""What a node writes by itself, and what is drift."""

from __future__ import annotations

import pytest

from builder.compare.volatile import is_volatile


@pytest.mark.parametrize(
    "path",
    [
        "/etc/machine-id",
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/hostname",
        "/var/log/journal/0123/system.journal",
        "/var/log/apt",
        "/var/cache/ldconfig/aux-cache",
        "/var/lib/systemd/timers/stamp-fstrim.timer",
        "/var/lib/systemd/random-seed",
        "/var/lib/dhcp/dhclient.eth0.leases",
        "/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease",
        "/var/lib/cloud/instances/i-1/user-data.txt",
        "/tmp/x",
        "/var/tmp/systemd-private-1/tmp",
    ],
)
def test_written_by_itself(path: str) -> None:
    assert is_volatile(path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/motd",
        "/etc/passwd",
        "/etc/hosts",
        "/root/.ssh/authorized_keys",
        "/home/me/.ssh/authorized_keys",
        "/var/spool/cron/crontabs/root",
        "/etc/systemd/system/x.service",
        "/usr/bin/ls",
        "/etc/ssh/sshd_config",
        "/var/lib/dpkg/status",
        "/var/www/html/index.html",
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "/boot/grub/grub.cfg",
        "/var",
        "/",
    ],
)
def test_drift(path: str) -> None:
    assert not is_volatile(path)
