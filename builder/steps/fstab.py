from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.guest.info import DISK, DOMAIN_DISK
from builder.steps.step import Step, compare

FSTAB = "/etc/fstab"
ENTRY = re.compile(r"(?P<indent>\s*)(?P<spec>[^\s#]\S*)(?P<gap>\s+)(?P<point>\S+)(?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of the guest's disk: its device in the domain, its UUID, and every fstab spec that refers to it."""

    device: str
    uuid: str
    specs: frozenset[str]


class Fstab(
    Step,
    name="fstab",
    version=1,
    shorthand="naming",
    changes_boot=True,
    example="fstab: device-names",
):
    """Refer to file systems by device name or by UUID, in fstab and in the kernel's root= argument.

    Only entries for partitions of the guest's own disk change; other disks and network file systems
    do not.
    """

    naming: Literal["device-names", "uuid"] = Field(description="`device-names` (/dev/vda1) or `uuid` (UUID=…).")

    def apply(self, guest: Guest) -> None:
        self._rewrite(guest)
        root = find_partition(guest, partitions(guest), "/dev/root", "/")
        spec = self._spec(root) if root else None
        bootloader.of(guest).set_root_naming(spec, by_device=self.naming == "device-names")

    def check(self, guest: Guest) -> Iterator[Finding]:
        disk = partitions(guest)
        for match in filter(None, map(ENTRY.fullmatch, guest.read(FSTAB).splitlines())):
            if partition := find_partition(guest, disk, match["spec"], match["point"]):
                yield compare(f"fstab mounts {match['point']} from", match["spec"], self._spec(partition))
        if root := find_partition(guest, disk, "/dev/root", "/"):
            lines = bootloader.of(guest).kernel_lines()
            roots = sorted({each for line in lines for each in line if each.startswith("root=")})
            found = " and ".join(roots) or "no root="
            yield compare("the kernel arguments have", found, f"root={self._spec(root)}")

    def _spec(self, partition: Partition) -> str:
        return partition.device if self.naming == "device-names" else f"UUID={partition.uuid}"

    def _rewrite(self, guest: Guest) -> None:
        disk = partitions(guest)
        lines = []
        for line in guest.read(FSTAB).splitlines():
            match = ENTRY.fullmatch(line)
            partition = find_partition(guest, disk, match["spec"], match["point"]) if match else None
            if match and partition:
                if self.naming == "uuid" and not partition.uuid:
                    raise GuestError(
                        f"{partition.device}, which fstab mounts on {match['point']}, has no UUID",
                        hint="use the step `fstab: device-names` instead",
                    )
                line = match["indent"] + self._spec(partition) + match["gap"] + match["point"] + match["rest"]
            lines.append(line + "\n")
        guest.write(FSTAB, "".join(lines))


def partitions(guest: Guest) -> dict[str, Partition]:
    """Return the partitions of the guest's disk by their number, the end of the device name."""
    found = {}
    for name in guest.call("list_partitions"):
        if number := re.fullmatch(re.escape(guest.device) + r"p?(\d+)", name):
            tags = guest.call("blkid", name)
            device = DOMAIN_DISK + number[1]
            specs = {device, name, f"/dev/disk/by-uuid/{tags.get('UUID')}", f"UUID={tags.get('UUID')}"}
            for tag, key in (("LABEL", "LABEL"), ("PARTUUID", "PART_ENTRY_UUID"), ("PARTLABEL", "PART_ENTRY_NAME")):
                if value := tags.get(key):
                    specs |= {f"{tag}={value}", f"/dev/disk/by-{tag.lower()}/{value}"}
            found[number[1]] = Partition(device, tags.get("UUID", ""), frozenset(specs))
    return found


def find_partition(guest: Guest, disk: dict[str, Partition], spec: str, point: str) -> Partition | None:
    """Return the partition that an fstab entry refers to; None if it is not on this disk.

    A device name from another machine (/dev/sda1) is identified by its mount point, whose file system
    is known from inspection.
    """
    plain = spec.replace('"', "").replace("\\040", " ")
    for partition in disk.values():
        if plain in partition.specs:
            return partition
    if re.match(r"/dev/(?!mapper/)", spec) and guest.info.mounts.get(point, "").startswith(DISK):
        return disk.get(guest.info.mounts[point].removeprefix(DISK).removeprefix("p"))
    return None
