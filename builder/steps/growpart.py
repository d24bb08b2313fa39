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

# The unit starts early, so that no service runs out of space first. It needs udev, which handles the
# changed partition table, and local-fs.target, after which the root is writable. growpart's temporary
# files go to /run, because systemd-tmpfiles cleans /tmp at the same time.
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
"""The tool that grows each type of file system while it is mounted, as a glob pattern."""


class Growpart(
    Step,
    name="growpart",
    version=2,
    takes_packages=True,
    shorthand="mount",
    example="growpart: /",
):
    """Grow a partition and its file system at every boot, if there is free space behind it.

    A systemd unit does so early at boot. The step installs growpart and sfdisk if the guest lacks them.
    The file system may be ext2, ext3, ext4, XFS or btrfs.
    """

    mount: Annotated[
        str,
        Matching(
            r"^/([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$",
            "must be an absolute path of letters, digits, dots, dashes and underscores, such as / or /srv",
        ),
    ] = Field(description="Mount point of the partition, which must be the last one on the disk.")

    @property
    def _unit(self) -> str:
        return f"golden-growpart{self.mount.rstrip('/').replace('/', '-')}.service"

    def _grower(self, guest: Guest) -> str:
        """Return the tool for the mount point's file system. Raises GuestError if it cannot be grown."""
        device = guest.info.mounts.get(self.mount)
        if device is None:
            known = ", ".join(sorted(guest.info.mounts))
            raise GuestError(f"the guest has no mount point {self.mount}", hint=f"set `mount:` to one of {known}")
        # A btrfs subvolume (btrfsvol:DEVICE/NAME) grows with its file system.
        partition = re.sub(r"^btrfsvol:([^/]+)/.*", r"\1", device)
        if not partition.removeprefix(DISK).removeprefix("p").isdigit():
            raise GuestError(
                f"{self.mount} is on {device}, which is not a partition of the disk",
                hint="remove this step: it does not grow LVM volumes and RAID arrays",
            )
        kind = guest.call("vfs_type", device.replace(DISK, guest.device))
        if kind not in GROWERS:
            raise GuestError(
                f"cannot grow {self.mount}: its file system is {kind}, which does not grow while it is mounted",
                hint="remove this step, or use a base whose file system is ext4, XFS or btrfs",
            )
        return GROWERS[kind]

    def apply(self, guest: Guest) -> None:
        grower = self._grower(guest)
        if not all(map(guest.is_file, TOOLS)):
            packages.of(guest).install([PACKAGES[guest.info.family]])
        if not guest.glob(grower):
            raise GuestError(
                f"the guest has no {grower}, which grows the file system of {self.mount}",
                hint="install e2fsprogs (ext4), xfsprogs (XFS), btrfs-progs or, on SUSE, btrfsprogs before this step",
            )
        guest.write(SCRIPT, SCRIPT_TEXT, mode=0o755)
        systemd.install_unit(
            guest, self._unit, UNIT_TEXT.format(mount=self.mount, script=SCRIPT), wanted_by="sysinit.target"
        )

    def check(self, guest: Guest) -> Iterator[Finding]:
        enabled = systemd.is_enabled(guest, self._unit)
        yield Finding(enabled, f"{self._unit} is {'' if enabled else 'not '}enabled")
        for tool in (SCRIPT, *TOOLS, self._grower(guest)):
            present = bool(guest.glob(tool))
            yield Finding(present, f"{tool} {'exists' if present else 'is missing'}")
