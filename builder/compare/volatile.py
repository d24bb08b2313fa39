"""What a machine writes by itself while it runs: in a node that is no drift."""

from __future__ import annotations

import functools
import posixpath

from builder import seal
from builder.seal import patterns

SEALED = (
    "abrt-data", "backup-files", "bash-history", "blkid-tab", "cloud-init", "crash-data", "dhcp-client-state",
    "hostname", "logfiles", "lvm-system-devices", "machine-id", "network-manager-state", "networkd-leases",
    "other-histories", "package-index", "package-manager-cache", "pacct-log", "passwd-backups", "random-seed",
    "resolv-conf", "rpm-db", "ssh-hostkeys", "tmp-files", "utmp", "yum-uuid",
)  # fmt: skip
"""The operations of the seal whose paths are such. Of the others (users' keys, cron's tables) a change is drift."""

BESIDE = (
    "/{run,tmp,var/cache,var/log,var/tmp}/**",
    "/{etc,var}/.updated",
    "/etc/{.pwd.lock,adjtime,hostname,machine-id,ld.so.cache,mtab}",
    "/boot/{grub,grub2}/grubenv",
    "/var/lib/dbus/machine-id",
    "/var/lib/systemd/{catalog,coredump,timers,timesync,rfkill,backlight,deb-systemd-helper-*}/**",
    "/var/lib/systemd/timesync",
    "/var/lib/{apt/periodic,logrotate,private,plymouth,chrony,ntp,udisks2}/**",
    "/var/lib/logrotate.status",
    "/var/lib/dpkg/{lock,lock-frontend,triggers/Lock}",
    "/{,boot/,home/,var/}lost+found",
)
"""The rest."""


@functools.cache
def volatile() -> tuple[str, ...]:
    """All such patterns."""
    return tuple(pattern for name in SEALED for pattern in seal.registry()[name].patterns) + BESIDE


def is_volatile(path: str) -> bool:
    """Whether a path, or a folder that it is in, is such a one."""
    expression = patterns.compiled(volatile())
    while len(path) > 1:
        if expression.fullmatch(path):
            return True
        path = posixpath.dirname(path)
    return False
