"""Find out with libguestfs which operating system a disk holds."""

from __future__ import annotations

import re

from builder.appliance.appliance import Appliance
from builder.errors import BuildError, GuestError
from builder.guest.info import DISK, FAMILIES, GuestInfo, find_family


def inspect(appliance: Appliance, device: str, title: str = "the base image") -> GuestInfo:
    """Inspect the operating system on a plugged disk (15–20 s without KVM). Errors call the disk `title`.

    Raises BuildError if the disk holds none, several, or one that golden does not support, and GuestError if
    libguestfs cannot inspect it.
    """
    handle = appliance.handle
    try:
        handle.vg_activate_all(True)
        # libguestfs lists a plugged disk twice.
        roots = sorted(set(handle.inspect_os()))
        if len(roots) != 1:
            raise BuildError(
                f"{title} holds no operating system"
                if not roots
                else f"{title} holds several operating systems: {', '.join(roots)}",
                hint="use a disk with exactly one installed system",
            )
        root = roots[0]
        distribution = find_distribution(appliance, root)
        mounts = handle.inspect_get_mountpoints(root)
        info = GuestInfo(
            distribution=distribution,
            major=handle.inspect_get_major_version(root),
            minor=handle.inspect_get_minor_version(root),
            arch=handle.inspect_get_arch(root),
            package_manager=handle.inspect_get_package_management(root),
            product=handle.inspect_get_product_name(root),
            mounts={point: source.replace(device, DISK) for point, source in mounts.items()},
        )
        handle.umount_all()
        handle.vg_activate_all(False)
    except RuntimeError as error:
        raise GuestError(f"libguestfs cannot inspect {title}", details=str(error)) from error
    if find_family(distribution) is None:
        known = ", ".join(sorted(set().union(*FAMILIES.values())))
        raise BuildError(
            f"{title} holds {info.product} ({distribution}), which golden does not support",
            hint=f"use a system of one of these distributions: {known}",
        )
    return info


EFI_TYPES = frozenset({"C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EF"})
"""The partition types of an EFI system partition, in GPT and MBR."""


def has_esp(appliance: Appliance, device: str) -> bool:
    """Whether a plugged disk has an EFI system partition, from which UEFI boots. Raises GuestError."""
    handle = appliance.handle
    try:
        label = handle.part_get_parttype(device)
        numbers = [each["part_num"] for each in handle.part_list(device)]
        if label == "gpt":
            return any(handle.part_get_gpt_type(device, number) in EFI_TYPES for number in numbers)
        return any(f"{handle.part_get_mbr_id(device, number):X}" in EFI_TYPES for number in numbers)
    except RuntimeError as error:
        raise GuestError(f"cannot read the partition table of {device}", details=str(error)) from error


def find_distribution(appliance: Appliance, root: str) -> str:
    """The distribution on an inspected root file system.

    libguestfs returns `redhat-based` or similar for a distribution that it does not know yet (1.48: AlmaLinux). Its
    name is then read from os-release. Raises RuntimeError.
    """
    handle = appliance.handle
    name = str(handle.inspect_get_distro(root))
    if not name.endswith("-based"):
        return name
    handle.mount_ro(root, "/")
    found = re.search(r"""^ID=["']?([a-z0-9._-]+)""", handle.cat("/etc/os-release"), re.MULTILINE)
    handle.umount_all()
    return found[1] if found and find_family(found[1]) else name
