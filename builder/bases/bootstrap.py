"""A Debian system made from packages alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from builder import process
from builder.bases.base import Base, Wanted, Workshop
from builder.bases.mirror import URL, Source, host_sources, named_source
from builder.errors import CommandError, GuestError
from builder.events import Emit, Notice, Output
from builder.guest.appliance import Appliance, Disk
from builder.guest.info import Family

VERSION = 1
"""Part of every bootstrap's key: raise it when `make` changes what ends up on the disk."""

SIZE = 4 << 30
"""Bytes of the disk where the recipe names no size."""

SYSTEM = ("grub-pc", "systemd-sysv", "dbus", "ca-certificates")
"""What makes a set of packages a machine that boots."""

KERNEL = {"amd64": "linux-image-cloud-amd64"}
"""The kernel installed unless the recipe lists one: Debian's build for virtual machines."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a tree of files becomes a disk that boots.

    `options` are the root's fields in fstab behind its type; `boot` is the command, run in the
    guest, that installs the boot loader on `{device}` and writes its configuration.
    """

    filesystem: Literal["ext4", "xfs"]
    options: str
    boot: str


LAYOUTS = {
    "debian": Layout("ext4", "errors=remount-ro 0 1", "grub-install --target=i386-pc {device} && update-grub"),
}


class Bootstrap(BaseModel):
    """How to bootstrap a distribution."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    distribution: Literal["debian"] = Field(description="The distribution.")
    release: str = Field(description="Its release, by code name.", pattern=r"^[a-z]+$", examples=["bookworm"])
    arch: Literal["amd64"] = Field(default="amd64", description="The architecture.")
    packages: list[str] = Field(
        default_factory=list, description="Packages beside those of a minimal system that boots."
    )
    mirror: str | None = Field(
        default=None,
        description="The mirror's URL, for the release alone (the step repo adds more). Without it those that the "
        "host's own apt uses, with the release's updates and security updates.",
        pattern=URL,
    )

    @field_validator("packages")
    @classmethod
    def _plain_names(cls, names: list[str]) -> list[str]:
        for name in names:
            if name.startswith("-") or not name or any(letter in name for letter in " ,\n\t"):
                raise ValueError(f"not a package name: {name!r}")
        return names

    @property
    def all_packages(self) -> list[str]:
        kernel = () if any(name.startswith("linux-image") for name in self.packages) else (KERNEL[self.arch],)
        return list(dict.fromkeys([*SYSTEM, *kernel, *self.packages]))

    @property
    def sources(self) -> list[Source]:
        """Raises HostError where the host has no mirror either."""
        return named_source(self.mirror, self.release) if self.mirror else host_sources(self.release)


class BootstrapBase(Base):
    """Bootstrap a system from packages: `bootstrap: {distribution: debian, release: bookworm}`."""

    bootstrap: Bootstrap = Field(description="Bootstrap a system from its distribution's packages.")

    @property
    def title(self) -> str:
        return f"bootstrap {self.bootstrap.distribution} {self.bootstrap.release}"

    @property
    def family(self) -> Family | None:
        return "debian"

    def identity(self, wanted: Wanted) -> dict[str, object]:
        return {
            "kind": "bootstrap",
            "version": VERSION,
            "distribution": self.bootstrap.distribution,
            "release": self.bootstrap.release,
            "arch": self.bootstrap.arch,
            "packages": sorted(self.bootstrap.all_packages),
            "sources": [source.line for source in self.bootstrap.sources],
            "size": wanted.size or SIZE,
        }

    def make(self, workshop: Workshop, target: Path) -> None:
        size, tree = workshop.wanted.size or SIZE, workshop.work / "root.tar"
        try:
            collect(self.bootstrap, workshop, tree)
            process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(target), str(size)])
            lay_out(workshop.appliance(), target, tree, LAYOUTS[self.bootstrap.distribution], workshop.emit)
        finally:
            tree.unlink(missing_ok=True)


def collect(bootstrap: Bootstrap, workshop: Workshop, tree: Path) -> None:
    """Unpack and configure the packages into a tar file, on the host: its processor is ten times faster.

    As root everything happens in name spaces of its own, so that nothing is left running or mounted
    if we are killed; for a user mmdebstrap makes them itself.
    """
    mmdebstrap = process.find_tool("mmdebstrap", package="mmdebstrap")
    command = [
        mmdebstrap,
        "--variant=important",
        f"--architectures={bootstrap.arch}",
        f"--include={','.join(bootstrap.all_packages)}",
        # No kernel is asked where it boots from: the boot loader comes later, in the appliance.
        '--essential-hook=echo grub-pc grub-pc/install_devices_empty boolean true | chroot "$1" debconf-set-selections',
        "--format=tar",
        bootstrap.release,
        str(tree),
        *(source.line for source in bootstrap.sources),
    ]
    if os.geteuid() == 0:
        command = process.isolated([*command[:1], "--mode=root", *command[1:]])
    else:
        command.insert(1, "--mode=unshare")
    scratch = workshop.work / "bootstrap"
    scratch.mkdir(exist_ok=True)
    scratch.chmod(0o755)
    try:
        process.run(
            command, on_line=lambda line: workshop.emit(Output(line)), env={"TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
        )
    except CommandError as error:
        error.message = f"bootstrapping {bootstrap.distribution} {bootstrap.release} failed: {error.message}"
        error.hint = "the reason stands in the last lines; without network or mirror, name another `mirror:`"
        raise


def lay_out(appliance: Appliance, disk: Path, tree: Path, layout: Layout, emit: Emit) -> None:
    """Partition the disk, make the file system, unpack the tree and install the boot loader.

    `disk` is an empty qcow2, `tree` a tar file. Raises GuestError.
    """
    emit(Notice("laying out the disk"))
    device = appliance.plug(Disk(disk))
    archive = appliance.plug(Disk(tree, "raw", read_only=True))
    handle = appliance.handle
    root = f"{device}1"
    try:
        handle.part_init(device, "mbr")
        handle.part_add(device, "p", 2048, -1)
        handle.part_set_bootable(device, 1, True)
        handle.mkfs(layout.filesystem, root, label="root")
        handle.mount_options("discard", root, "/")
        # Read from a disk of its own: several times faster than through libguestfs's channel.
        appliance.shell(f"tar -C /sysroot --numeric-owner --xattrs --xattrs-include='*' -xf {archive} 2>&1")
        uuid = handle.vfs_uuid(root)
        handle.write("/etc/fstab", f"UUID={uuid} / {layout.filesystem} {layout.options}\n".encode())
        # mmdebstrap leaves the host's own.
        handle.rm_f("/etc/resolv.conf")
        handle.write("/etc/hostname", b"localhost\n")
        handle.write("/etc/hosts", b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
        for line in handle.sh(f"({layout.boot.format(device=device)}) 2>&1").splitlines():
            emit(Output(line))
        handle.fstrim("/")
        handle.umount_all()
    except RuntimeError as error:
        raise GuestError("the new disk could not be laid out", details=str(error), hint=space_hint(error)) from error
    appliance.unplug(archive)
    appliance.unplug(device)


def space_hint(error: RuntimeError) -> str | None:
    """What to do about a full disk, if that is what it was."""
    return "make the disk larger: `size:` in the recipe" if "No space left" in str(error) else None
