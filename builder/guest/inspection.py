"""Asking libguestfs what a disk holds."""

from __future__ import annotations

import re

from builder.appliance.appliance import Appliance
from builder.errors import BuildError, GuestError
from builder.guest.info import DISK, FAMILIES, GuestInfo, find_family


def inspect(appliance: Appliance, device: str, title: str = "the base image") -> GuestInfo:
    """What operating system a plugged disk, called `title` in errors, holds (15–20 s without KVM).

    Raises BuildError for a disk with no system, with several, or with one that golden does not know:
    an unknown guest is never worked on by guesses.
    """
    handle = appliance.handle
    try:
        handle.vg_activate_all(True)
        # A plugged disk is listed twice; roots are a set.
        roots = sorted(set(handle.inspect_os()))
        if len(roots) != 1:
            raise BuildError(
                f"{title} holds no operating system"
                if not roots
                else f"{title} holds several operating systems: {', '.join(roots)}"
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
        raise GuestError(f"{title} cannot be inspected", details=str(error)) from error
    if find_family(distribution) is None:
        known = ", ".join(sorted(set().union(*FAMILIES.values())))
        raise BuildError(f"unknown guest: {info.product} ({distribution})", hint=f"known are {known}")
    return info


EFI_TYPES = frozenset({"C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EF"})
"""How GPT and MBR mark an EFI system partition."""


def has_esp(appliance: Appliance, device: str) -> bool:
    """Whether a plugged disk has an EFI system partition, which UEFI boots from. Raises GuestError."""
    handle = appliance.handle
    try:
        label = handle.part_get_parttype(device)
        numbers = [each["part_num"] for each in handle.part_list(device)]
        if label == "gpt":
            return any(handle.part_get_gpt_type(device, number) in EFI_TYPES for number in numbers)
        return any(f"{handle.part_get_mbr_id(device, number):X}" in EFI_TYPES for number in numbers)
    except RuntimeError as error:
        raise GuestError("the partition table cannot be read", details=str(error)) from error


def find_distribution(appliance: Appliance, root: str) -> str:
    """The distribution of an inspected root file system.

    libguestfs calls those that it does not know yet `redhat-based` and the like (1.48: AlmaLinux);
    their own name is in os-release. Raises RuntimeError.
    """
    handle = appliance.handle
    name = str(handle.inspect_get_distro(root))
    if not name.endswith("-based"):
        return name
    handle.mount_ro(root, "/")
    found = re.search(r"""^ID=["']?([a-z0-9._-]+)""", handle.cat("/etc/os-release"), re.MULTILINE)
    handle.umount_all()
    return found[1] if found and find_family(found[1]) else name
