from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.guest.info import DISK
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree


class LvmUuidsOperation(Operation):
    """LVM's metadata backups, which contain the build host's name, are removed too.

    If /boot is on a logical volume, the UUIDs stay, because GRUB finds its files by them.
    """

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if not guest.volume_groups or _boots_from_lvm(guest):
            return
        guest.unmount()
        guest.call("pvchange_uuid_all")
        guest.call("vgchange_uuid_all")
        guest.mount()

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        yield from super().check(guest, tree)
        for group in guest.volume_groups:
            complete = set(guest.call("lvs")) >= {
                device for device in guest.info.mounts.values() if f"/{group}/" in device
            }
            yield Finding(complete, f"the volume group {group} is {'' if complete else 'not '}complete")


def _boots_from_lvm(guest: Guest) -> bool:
    mounts = guest.info.mounts
    return not mounts.get("/boot", mounts["/"]).startswith(DISK)


LVM_UUIDS = LvmUuidsOperation(
    "lvm-uuids",
    "Give LVM physical volumes and volume groups new UUIDs.",
    removed_files=("/etc/lvm/{archive,backup}/*",),
)
