from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import packages, systemd
from builder.guest.guest import Guest
from builder.guest.info import DISK, Family
from builder.inputs import Matching
from builder.steps.step import Step

SCRIPT = "/usr/lib/golden/growpart"
TOOLS = ("/usr/bin/growpart", "/usr/sbin/sfdisk")
PACKAGES: dict[Family, str] = {"debian": "cloud-guest-utils", "redhat": "cloud-utils-growpart", "suse": "growpart"}

SCRIPT_TEXT = """\
#!/bin/sh
# growpart MOUNT-POINT: grow its partition, then its file system, to the room that the disk has.
# Nothing to grow is no failure.
set -eu
# Without options that findmnt learned only after EL 7; of file systems on top of each other the last counts.
device=$(readlink -f "$(findmnt -n -o SOURCE "$1" | tail -n 1 | sed 's/\\[.*//')")
type=$(findmnt -n -o FSTYPE "$1" | tail -n 1)
partition=$(readlink -f "/sys/class/block/${device#/dev/}")
disk=$(basename "$(dirname "$partition")")

# growpart ends with 1 where nothing changes.
growpart "/dev/$disk" "$(cat "$partition/partition")" || [ $? -eq 1 ]

case $type in
    ext2 | ext3 | ext4) resize2fs "$device" ;;
    xfs) xfs_growfs "$1" ;;
    btrfs) btrfs filesystem resize max "$1" ;;
    *) echo "cannot grow a file system of type $type" >&2; exit 1 ;;
esac
"""

# Early, so that no service runs out of space before; udev must be there for the partition table to
# be read again. The root is writable once local-fs.target is reached. growpart's temporary files go
# to /run, because systemd-tmpfiles empties /tmp at the same time.
UNIT_TEXT = """\
[Unit]
Description=Grow {mount} to the room on its disk
DefaultDependencies=no
RequiresMountsFor={mount}
After=local-fs.target systemd-udevd.service
Before=sysinit.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
Environment=TMPDIR=/run
ExecStart={script} {mount}

[Install]
WantedBy=sysinit.target
"""

GROWERS = {
    "ext2": "/usr/sbin/resize2fs",
    "ext3": "/usr/sbin/resize2fs",
    "ext4": "/usr/sbin/resize2fs",
    "xfs": "/usr/sbin/xfs_growfs",
    "btrfs": "/usr/{sbin,bin}/btrfs",
}
"""The tool that grows each kind of file system while it is mounted, as a glob."""


class Growpart(
    Step,
    name="growpart",
    version=2,
    takes_packages=True,
    shorthand="mount",
    example="growpart: /",
):
    """Grow a partition and its file system at every boot, if the disk has room behind it."""

    mount: Annotated[
        str, Matching(r"^/([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$", "must be an absolute path, such as / or /srv")
    ] = Field(description="A mount point of the guest whose partition is the last one of the disk.")

    @property
    def _unit(self) -> str:
        return f"golden-growpart{self.mount.rstrip('/').replace('/', '-')}.service"

    def _grower(self, guest: Guest) -> str:
        """The tool for the file system on the mount point. Raises GuestError where nothing can grow."""
        on = guest.info.mounts.get(self.mount)
        if on is None:
            known = ", ".join(sorted(guest.info.mounts))
            raise GuestError(f"{self.mount} is no mount point of the guest", hint=f"its mount points are {known}")
        # A subvolume of btrfs is btrfsvol:DEVICE/NAME, and grows with its file system.
        partition = re.sub(r"^btrfsvol:([^/]+)/.*", r"\1", on)
        if not partition.removeprefix(DISK).removeprefix("p").isdigit():
            raise GuestError(f"{self.mount} is on {on}, which is no partition of the disk")
        kind = guest.call("vfs_type", on.replace(DISK, guest.device))
        if kind not in GROWERS:
            raise GuestError(f"{self.mount} has a file system of type {kind}, which cannot grow while it is mounted")
        return GROWERS[kind]

    def apply(self, guest: Guest) -> None:
        grower = self._grower(guest)
        if not all(map(guest.is_file, TOOLS)):
            packages.of(guest).install([PACKAGES[guest.info.family]])
        if not guest.glob(grower):
            raise GuestError(f"the guest has no {grower}", hint="install its package in an earlier step")
        guest.write(SCRIPT, SCRIPT_TEXT, mode=0o755)
        systemd.install_unit(
            guest, self._unit, UNIT_TEXT.format(mount=self.mount, script=SCRIPT), wanted_by="sysinit.target"
        )

    def check(self, guest: Guest) -> Iterator[Finding]:
        enabled = systemd.is_enabled(guest, self._unit)
        yield Finding(enabled, f"{self._unit} is {'' if enabled else 'not '}enabled")
        for tool in (SCRIPT, *TOOLS, self._grower(guest)):
            there = bool(guest.glob(tool))
            yield Finding(there, f"{tool} is {'there' if there else 'missing'}")
