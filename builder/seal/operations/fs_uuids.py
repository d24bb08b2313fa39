from __future__ import annotations

import re
from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.guest.info import DISK
from builder.seal.operation import Operation, shorten
from builder.seal.tree import GuestTree

REFERENCES = (
    "/etc/fstab",
    "/etc/default/grub",
    "/etc/kernel/cmdline",
    "/boot/grub{,2}/{grub.cfg,grubenv}",
    "/boot/loader/entries/*.conf",
    "/boot/efi/EFI/*/grub.cfg",
)
"""Files that refer to file systems by UUID and that the guest needs to boot."""

RENEWED = ("ext2", "ext3", "ext4", "xfs", "btrfs", "swap")


class FsUuidsOperation(Operation):
    """Files in the guest that refer to the old UUIDs, such as /etc/fstab, are updated so that it still boots.

    References inside an initrd are not updated: regenerate the initrd on a node, or use device names.
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
        for path in tree.find_files(REFERENCES):
            text = guest.read(path)
            changed = text
            for old, new in renewed.items():
                changed = re.sub(re.escape(old), new, changed, flags=re.IGNORECASE)
            if changed != text:
                guest.write(path, changed)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        existing = {guest.call("vfs_uuid", device) for device in guest.call("list_filesystems") if device}
        reference = r"UUID=\"?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
        lost = {
            f"{path} ({uuid})"
            for path in tree.find_files(REFERENCES)
            for uuid in re.findall(reference, guest.read(path))
            if uuid.lower() not in existing
        }
        yield Finding(
            not lost,
            f"refers to missing file systems: {shorten(lost)}" if lost else "all referenced file systems exist",
        )


FS_UUIDS = FsUuidsOperation("fs-uuids", "Give every file system a new UUID.", default=False)
