"""Paths that a running machine changes by itself. Such changes in a node are not drift."""

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
"""Seal operations whose paths are volatile. Changes to the paths of the others (user keys, crontabs) are drift."""

OTHER_PATTERNS = (
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
"""Volatile paths that no seal operation covers."""


@functools.cache
def volatile_patterns() -> tuple[str, ...]:
    """The patterns of all volatile paths."""
    return tuple(pattern for name in SEALED for pattern in seal.registry()[name].patterns) + OTHER_PATTERNS


def is_volatile(path: str) -> bool:
    """Whether a path, or a folder above it, is volatile."""
    expression = patterns.compiled(volatile_patterns())
    while len(path) > 1:
        if expression.fullmatch(path):
            return True
        path = posixpath.dirname(path)
    return False
