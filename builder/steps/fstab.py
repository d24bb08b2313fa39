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
from builder.steps.step import Step

FSTAB = "/etc/fstab"
ENTRY = re.compile(r"(?P<indent>\s*)(?P<spec>[^\s#]\S*)(?P<gap>\s+)(?P<point>\S+)(?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of the guest's disk: its device in the domain, its UUID, and every spec that means it."""

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
    """Name the disk's file systems in fstab, and the kernel's root, by device or by UUID.

    Entries of other disks, network file systems and the like stay as they are.
    """

    naming: Literal["device-names", "uuid"] = Field(description="`device-names` (/dev/vda1) or `uuid` (UUID=…).")

    def apply(self, guest: Guest) -> None:
        self._rewrite(guest)
        root = find_partition(guest, partitions(guest), "/dev/root", "/")
        spec = self._spec(root) if root else None
        bootloader.of(guest).name_root(spec, by_device=self.naming == "device-names")

    def check(self, guest: Guest) -> Iterator[Finding]:
        disk = partitions(guest)
        for match in filter(None, map(ENTRY.fullmatch, guest.read(FSTAB).splitlines())):
            if partition := find_partition(guest, disk, match["spec"], match["point"]):
                wanted = self._spec(partition)
                yield Finding(match["spec"] == wanted, f"fstab mounts {match['point']} from {match['spec']}")
        if root := find_partition(guest, disk, "/dev/root", "/"):
            lines = bootloader.of(guest).kernel_lines()
            roots = sorted({each for line in lines for each in line if each.startswith("root=")})
            yield Finding(
                roots == [f"root={self._spec(root)}"], f"the kernel is given {' and '.join(roots) or 'no root='}"
            )

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
                    raise GuestError(f"{partition.device} has no UUID, and fstab mounts it on {match['point']}")
                line = match["indent"] + self._spec(partition) + match["gap"] + match["point"] + match["rest"]
            lines.append(line + "\n")
        guest.write(FSTAB, "".join(lines))


def partitions(guest: Guest) -> dict[str, Partition]:
    """The partitions of the guest's disk, by the number that ends their device's name."""
    found = {}
    for name in guest.call("list_partitions"):
        if number := re.fullmatch(re.escape(guest.device) + r"p?(\d+)", name):
            about = guest.call("blkid", name)
            device = DOMAIN_DISK + number[1]
            specs = {device, name, f"/dev/disk/by-uuid/{about.get('UUID')}", f"UUID={about.get('UUID')}"}
            for tag, key in (("LABEL", "LABEL"), ("PARTUUID", "PART_ENTRY_UUID"), ("PARTLABEL", "PART_ENTRY_NAME")):
                if value := about.get(key):
                    specs |= {f"{tag}={value}", f"/dev/disk/by-{tag.lower()}/{value}"}
            found[number[1]] = Partition(device, about.get("UUID", ""), frozenset(specs))
    return found


def find_partition(guest: Guest, disk: dict[str, Partition], spec: str, point: str) -> Partition | None:
    """The partition that an entry of fstab means; None where it is none of this disk.

    A device under the name that another machine gave it (/dev/sda1) is known by its mount point,
    for which inspection found the file system.
    """
    plain = spec.replace('"', "").replace("\\040", " ")
    for partition in disk.values():
        if plain in partition.specs:
            return partition
    if re.match(r"/dev/(?!mapper/)", spec) and guest.info.mounts.get(point, "").startswith(DISK):
        return disk.get(guest.info.mounts[point].removeprefix(DISK).removeprefix("p"))
    return None
