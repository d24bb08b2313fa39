"""Bootstrapping Debian with mmdebstrap."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from builder import process
from builder.bases.base import BaseRequest, BuildContext, Firmware, Route
from builder.bases.bootstrap.layout import DiskLayout
from builder.bases.bootstrap.method import BootstrapMethod
from builder.bases.mirror import URL, URL_RULE, PackageSource, host_sources, named_source
from builder.errors import CommandError
from builder.events import OutputLine
from builder.guest.info import Family
from builder.inputs import Matching

VERSION = 1
"""Part of the base's key: raise it when the content of the disk changes."""

SYSTEM = ("systemd-sysv", "dbus", "ca-certificates")
"""The packages that a bootable system needs besides a kernel and a boot loader."""

KERNEL = {"amd64": "linux-image-cloud-amd64"}
"""The kernel to install unless the recipe lists one: Debian's build for virtual machines."""

GRUB: dict[Firmware, str] = {"bios": "grub-pc", "uefi": "grub-efi-amd64"}

# The packages must not install the boot loader: that happens later, in the appliance. When a node
# upgrades GRUB, it must do what is done here: update the loader under the name that every firmware
# looks for, and leave the node's UEFI variables alone.
ANSWERS: dict[Firmware, str] = {
    "bios": "grub-pc grub-pc/install_devices_empty boolean true",
    "uefi": "grub-efi-amd64 grub2/force_efi_extra_removable boolean true\\n"
    "grub-efi-amd64 grub2/update_nvram boolean false",
}

INSTALL: dict[Firmware, str] = {
    "bios": "grub-install --target=i386-pc {device}",
    "uefi": "grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram",
}


class DebianBootstrap(BootstrapMethod):
    """Bootstrap Debian with mmdebstrap."""

    distribution: Literal["debian"] = Field(description="The distribution.")
    release: Annotated[str, Matching(r"^[a-z]+$", "must be a code name in lower-case letters, such as bookworm")] = (
        Field(description="The release's code name.", examples=["bookworm"])
    )
    arch: Literal["amd64"] = Field(default="amd64", description="The architecture.")
    mirror: Annotated[str, Matching(URL, URL_RULE)] | None = Field(
        default=None,
        description="The mirror's URL. Only the release itself is installed from it; add more with the step repo. "
        "Default: the mirrors of this host's apt, with the release's updates and security updates.",
    )

    @property
    def family(self) -> Family:
        return "debian"

    @property
    def sources(self) -> list[PackageSource]:
        """The repositories to install from. Raises HostError if neither the recipe nor the host has a mirror."""
        return named_source(self.mirror, self.release) if self.mirror else host_sources(self.release)

    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        return iter(())

    def all_packages(self, firmware: Firmware) -> list[str]:
        kernel = () if any(name.startswith("linux-image") for name in self.packages) else (KERNEL[self.arch],)
        return list(dict.fromkeys([GRUB[firmware], *SYSTEM, *kernel, *self.packages]))

    def identity(self, request: BaseRequest) -> dict[str, object]:
        return {"version": VERSION, "sources": [source.line for source in self.sources]}

    def indexes(self, request: BaseRequest) -> list[str]:
        return [source.index for source in self.sources]

    def layout(self, firmware: Firmware) -> DiskLayout:
        return DiskLayout("ext4", "errors=remount-ro 0 1", f"{INSTALL[firmware]} && update-grub", firmware)

    def make_tree(self, context: BuildContext, tree: Path) -> None:
        mmdebstrap = process.find_tool("mmdebstrap", package="mmdebstrap")
        firmware, is_root = context.request.firmware, os.geteuid() == 0
        command = [
            mmdebstrap,
            # For other users than root, mmdebstrap creates name spaces itself.
            f"--mode={'root' if is_root else 'unshare'}",
            "--variant=important",
            f"--architectures={self.arch}",
            f"--include={','.join(self.all_packages(firmware))}",
            f"--essential-hook=printf '{ANSWERS[firmware]}\\n' | chroot \"$1\" debconf-set-selections",
            "--format=tar",
            self.release,
            str(tree),
            *(source.line for source in self.sources),
        ]
        scratch = context.work / "bootstrap"
        scratch.mkdir(exist_ok=True)
        scratch.chmod(0o755)
        try:
            process.run(
                process.isolated(command) if is_root else command,
                on_line=lambda line: context.emit(OutputLine(line)),
                env={"TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"},
            )
        except CommandError as error:
            error.message = f"bootstrapping {self.distribution} {self.release} failed: {error.message}"
            error.hint = (
                "read the reason in the last lines above; "
                "if the mirror does not answer, set another `mirror:` in the recipe"
            )
            raise

    def finish(self, context: BuildContext, disk: Path) -> None:
        """There is nothing left to do."""
