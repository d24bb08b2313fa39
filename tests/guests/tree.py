"""The files of a guest while they are a folder on the host, where everything is ten times faster."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Mapping
from pathlib import Path

from builder import process
from builder.bases.mirror import host_sources

RELEASE = "bookworm"

PACKAGES = (
    # What an EL guest has in common with Debian, or has under another name.
    *("systemd-sysv", "dbus", "openssh-server", "util-linux", "fdisk", "iproute2", "isc-dhcp-client", "kmod"),
    *("procps", "locales", "linux-image-cloud-amd64", "grub-pc", "xfsprogs", "policycoreutils"),
    # The package managers, and what the package cloud-utils-growpart is made of.
    *("dnf", "zypper", "rpm", "cloud-guest-utils"),
)

LEFT_OUT = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/lib/x86_64-linux-gnu/gconv/*",
    "/lib/modules/*/kernel/drivers/infiniband/*",
    "/lib/modules/*/kernel/drivers/media/*",
)
"""Files of those packages that no test needs."""

# What QEMU's machines need to find their root; without a list the initrd has everything.
MODULES = ("virtio_pci", "virtio_blk", "virtio_scsi", "xfs", "ext4")

DEBIAN = (
    *("etc/debian_version", "etc/os-release", "usr/lib/os-release", "etc/issue*", "etc/motd", "etc/dpkg", "etc/apt"),
    *("etc/default/[!u]*", "etc/kernel/*", "etc/update-motd.d", "etc/cron.*/*", "etc/grub.d/*_debian_theme"),
    *("etc/grub.d/20_linux_xen", "etc/grub.d/30_*", "etc/initramfs-tools", "etc/alternatives/README"),
    *("var/lib/dpkg", "var/lib/apt", "var/cache/apt", "var/cache/debconf", "var/log/*", "usr/share/debconf"),
    *("usr/bin/apt*", "usr/bin/dpkg*", "usr/sbin/update-grub*", "usr/sbin/update-initramfs", "usr/lib/apt"),
    *("lib/systemd/system/apt-*", "lib/systemd/system/dpkg-*", "lib/systemd/system/e2scrub*"),
    *("lib/systemd/system/ssh.service", "lib/systemd/system/ssh@.service", "etc/systemd/system/sshd.service"),
    *("etc/systemd/system/*.wants/apt-*", "etc/systemd/system/*.wants/dpkg-*"),
    *("etc/systemd/system/*.wants/e2scrub*", "etc/systemd/system/*.wants/ssh.service"),
    *("etc/timezone", "etc/locale.gen", "usr/sbin/locale-gen", "etc/debconf.conf", "etc/adduser.conf"),
    *("etc/deluser.conf", "etc/rc?.d", "etc/init.d", "boot/grub", "usr/share/i18n"),
    *("usr/bin/perl*", "usr/share/perl*", "usr/lib/*/perl*", "usr/lib/*/libperl*"),
)
"""What tells Debian from EL, what works only where dpkg's database is, and what only its tools need."""


class Tree:
    """A guest's root as a folder. Paths are the guest's, without the leading slash."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def write_all(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            self.write(path, text)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        text = (self.root / path).read_text()
        assert old in text, f"{old} is not in {path}"
        (self.root / path).write_text(text.replace(old, new))

    def link(self, target: str, path: str) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def remove(self, *patterns: str) -> None:
        for pattern in patterns:
            for name in glob.glob(pattern, root_dir=self.root):  # noqa: PTH207 (that one misses dangling links)
                path = self.root / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def move(self, to: Tree, *patterns: str) -> None:
        """Move what matches to another tree; every pattern must."""
        for pattern in patterns:
            names = glob.glob(pattern, root_dir=self.root)  # noqa: PTH207 (that one misses dangling links)
            assert names, f"there is no {pattern}"
            for name in names:
                (to.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).rename(to.root / name)

    def run(self, *command: str) -> str:
        """A program of the guest's."""
        return process.run(["chroot", str(self.root), *command])

    def copy(self, root: Path) -> Tree:
        process.run(["cp", "-a", str(self.root), str(root)])
        return Tree(root)

    def pack(self, target: Path) -> None:
        process.run(["tar", "-C", str(self.root), "--numeric-owner", "--xattrs", "-cf", str(target), "."])

    @property
    def kernel(self) -> str:
        """The kernel's release."""
        (modules,) = (self.root / "usr/lib/modules").iterdir()
        return modules.name


def bootstrap(root: Path) -> Tree:
    """Unpack and configure the packages. Takes a minute."""
    # Written before the kernel's package makes an initrd from it.
    initrd = f"""\
cd "$1" && mkdir -p etc/initramfs-tools/conf.d usr/share/initramfs-tools/modules.d
echo MODULES=list >etc/initramfs-tools/conf.d/golden
printf '%s\\n' {" ".join(MODULES)} >usr/share/initramfs-tools/modules.d/golden
echo grub-pc grub-pc/install_devices_empty boolean true | chroot . debconf-set-selections"""
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    process.run(
        [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", *options),
            *("--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"'),
            *(f"--include={','.join(PACKAGES)}", f"--essential-hook={initrd}"),
            *(RELEASE, str(root), *(source.line for source in host_sources(RELEASE))),
        ],
        env={"LC_ALL": "C.UTF-8"},
    )
    made = Tree(root)
    # EL's glibc brings every locale.
    made.run("localedef", "-i", "en_US", "-f", "UTF-8", "en_US.UTF-8")
    return made
