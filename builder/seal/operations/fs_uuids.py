from __future__ import annotations

import re
from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.guest.info import DISK
from builder.seal.operation import Operation, some
from builder.seal.tree import GuestTree

NAMED_IN = (
    "/etc/fstab",
    "/etc/default/grub",
    "/etc/kernel/cmdline",
    "/boot/grub{,2}/{grub.cfg,grubenv}",
    "/boot/loader/entries/*.conf",
    "/boot/efi/EFI/*/grub.cfg",
)
"""Where a guest names its file systems in order to boot."""

RENEWED = ("ext2", "ext3", "ext4", "xfs", "btrfs", "swap")


class FsUuidsOperation(Operation):
    """The guest's own files that name the old UUIDs are changed with them, so that it still boots.

    What names them inside an initrd is not seen: make that anew in a node, or use device names.
    """

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        renewed = {}
        devices = sorted({device.replace(DISK, guest.device) for device in guest.info.mounts.values()})
        guest.unmount()
        for device in devices:
            if guest.call("vfs_type", device) in RENEWED:
                old = guest.call("vfs_uuid", device)
                guest.call("set_uuid_random", device)
                renewed[old] = guest.call("vfs_uuid", device)
        guest.mount()
        for path in tree.find_files(NAMED_IN):
            text = guest.read(path)
            changed = text
            for old, new in renewed.items():
                changed = re.sub(re.escape(old), new, changed, flags=re.IGNORECASE)
            if changed != text:
                guest.write(path, changed)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        known = {guest.call("vfs_uuid", device) for device in guest.call("list_filesystems") if device}
        named = r"UUID=\"?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
        lost = {
            f"{path} ({uuid})"
            for path in tree.find_files(NAMED_IN)
            for uuid in re.findall(named, guest.read(path))
            if uuid.lower() not in known
        }
        yield Finding(
            not lost, f"names of no file system: {some(lost)}" if lost else "every named file system is there"
        )


FS_UUIDS = FsUuidsOperation(
    "fs-uuids", "Give every file system a new UUID, and the guest's files the new names.", default=False
)
