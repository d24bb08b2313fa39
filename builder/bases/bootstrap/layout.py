"""Turning a tree of files into a disk that boots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from builder.appliance.appliance import Appliance, Disk
from builder.bases.base import Firmware
from builder.errors import ApplianceError, GuestError
from builder.events import Emit, Notice, OutputLine

ROOT = 1
"""The number of the root partition, which is the last on the disk: /dev/vda1 in a node, for any firmware."""

ESP = 15
"""The number of the EFI system partition, which precedes the root partition, as in Debian's cloud images."""

ESP_SIZE = "128M"
"""Enough for boot loaders; kernels are on the root partition."""

ESP_POINT = "/boot/efi"


@dataclass(frozen=True, slots=True)
class DiskLayout:
    """The partitions, file system and boot loader of a new disk.

    `options` are the fields of the root's fstab line after its type. `boot` is the command, run in the guest,
    that installs the boot loader on `{device}` or on the ESP and writes its configuration. `features` are
    mke2fs's, for guests that do not support the defaults of the appliance's mke2fs.
    """

    filesystem: Literal["ext4", "xfs"]
    options: str
    boot: str
    firmware: Firmware = "bios"
    features: str | None = None

    def mounts(self) -> dict[str, int]:
        """The partition number of each mount point, parents first."""
        return {"/": ROOT} | ({ESP_POINT: ESP} if self.firmware == "uefi" else {})


def lay_out(appliance: Appliance, disk: Path, tree: Path, layout: DiskLayout, emit: Emit) -> None:
    """Partition the disk, create the file systems, unpack the tree and install the boot loader.

    `disk` is an empty qcow2, `tree` a tar file. After a GuestError or ApplianceError, the disk is unusable.
    """
    emit(Notice("partitioning the disk and unpacking the system"))
    device = appliance.plug(Disk(disk))
    archive = appliance.plug(Disk(tree, "raw", read_only=True))
    handle = appliance.handle
    goal = "create the partitions and file systems of the new disk"
    try:
        partition(appliance, device, layout)
        goal = "unpack the system onto the new disk"
        # Reading the tree from a disk is several times faster than through libguestfs's channel.
        appliance.shell(f"tar -C /sysroot --numeric-owner --xattrs --xattrs-include='*' -xf {archive} 2>&1")
        handle.write("/etc/fstab", fstab(appliance, device, layout).encode())
        # mmdebstrap leaves the host's file there.
        handle.rm_f("/etc/resolv.conf")
        handle.write("/etc/hostname", b"localhost\n")
        handle.write("/etc/hosts", b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
        goal = "install the boot loader on the new disk"
        for line in handle.sh(f"({layout.boot.format(device=device)}) 2>&1").splitlines():
            emit(OutputLine(line))
        handle.fstrim("/")
        handle.umount_all()
    except (RuntimeError, ApplianceError) as error:
        if isinstance(error, ApplianceError) and not is_full(error):
            raise
        hint = "raise `size:` in the recipe" if is_full(error) else None
        raise GuestError(f"cannot {goal}", details=str(error), hint=hint) from error
    appliance.unplug(archive)
    appliance.unplug(device)


def partition(appliance: Appliance, device: str, layout: DiskLayout) -> None:
    """Create and mount partitions and file systems on an empty disk. Raises RuntimeError or ApplianceError."""
    handle = appliance.handle
    root, esp = f"{device}{ROOT}", f"{device}{ESP}"
    if layout.firmware == "bios":
        handle.part_init(device, "mbr")
        handle.part_add(device, "p", 2048, -1)
        handle.part_set_bootable(device, ROOT, True)
    else:
        # libguestfs cannot choose the number of a partition.
        numbers = f"-n {ESP}:2048:+{ESP_SIZE} -t {ESP}:ef00 -n {ROOT}:0:0 -t {ROOT}:8300"
        appliance.shell(f"sgdisk {numbers} {device} 2>&1 && udevadm settle && mkfs.vfat -F 32 -n ESP {esp} 2>&1")
    handle.mkfs(layout.filesystem, root, label="root", **({"features": layout.features} if layout.features else {}))
    for point, number in layout.mounts().items():
        if point != "/":
            handle.mkdir_p(point)
        handle.mount_options("discard", f"{device}{number}", point)


def fstab(appliance: Appliance, device: str, layout: DiskLayout) -> str:
    """The content of /etc/fstab. Raises RuntimeError."""
    own = {"/": f"{layout.filesystem} {layout.options}", ESP_POINT: "vfat umask=0077,shortname=winnt 0 0"}
    uuids = {point: appliance.handle.vfs_uuid(f"{device}{number}") for point, number in layout.mounts().items()}
    return "".join(f"UUID={uuid} {point} {own[point]}\n" for point, uuid in uuids.items())


def is_full(error: Exception) -> bool:
    """Whether the new disk is too small for its content."""
    return "No space left" in str(error)
