from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import Tree


class LvmUuids(Operation):
    """Nothing names LVM's own UUIDs in order to boot; file systems on it have theirs, see fs-uuids."""

    def apply(self, guest: Guest, tree: Tree) -> None:
        if not guest.volume_groups:
            return
        guest.unmount()
        guest.call("pvchange_uuid_all")
        guest.call("vgchange_uuid_all")
        guest.mount()

    def check(self, guest: Guest, tree: Tree) -> Iterator[Finding]:
        for group in guest.volume_groups:
            whole = set(guest.call("lvs")) >= {
                device for device in guest.info.mounts.values() if f"/{group}/" in device
            }
            yield Finding(whole, f"the volume group {group} is {'whole' if whole else 'not whole'}")


LVM_UUIDS = LvmUuids("lvm-uuids", "Give LVM's physical volumes and volume groups new UUIDs.")
