"""An install tree of the tests' own: a real kernel, and an installer of a few lines in its initrd (`init`)."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from builder import process
from builder.appliance.appliance import Appliance, Disk

HERE = Path(__file__).parent
KERNEL = "images/pxeboot/vmlinuz"
INITRD = "images/pxeboot/initrd.img"

DRIVERS = ("virtio_pci", "virtio_blk", "virtio_net")
PROGRAMS = ("sfdisk", "mke2fs")
"""What the installer needs beside busybox, which has an mke2fs that makes ext2 alone."""

ARGUMENTS = ("console=ttyS0", "quiet", "rdinit=/init")

BOOT_LOADER = 'bootloader --location=mbr --append="console=ttyS0,115200"'

TREEINFO = """\
[general]
name = Tests-7
family = Tests
timestamp = 1700000000
variant =
version = 7
arch = x86_64
packagedir =

[stage2]

[images-x86_64]
kernel = {kernel}
initrd = {initrd}

[checksums]
{kernel} = sha256:{kernel_digest}
{initrd} = sha256:{initrd_digest}
"""


def make_tree(folder: Path, root: Path) -> Path:
    """Make the tree in a folder. `root` is the tar file that it installs, found there as `root.tar` by a link."""
    (folder / KERNEL).parent.mkdir(parents=True)
    kernel = newest_kernel()
    shutil.copyfile(kernel, folder / KERNEL)
    make_initrd(folder / INITRD, kernel.name.removeprefix("vmlinuz-"))
    (folder / "root.tar").hardlink_to(root)
    digests = {name: hashlib.sha256((folder / path).read_bytes()).hexdigest() for name, path in images().items()}
    paths = {**images(), **{f"{name}_digest": digest for name, digest in digests.items()}}
    (folder / ".treeinfo").write_text(TREEINFO.format(**paths))
    subprocess.run(["createrepo_c", "--quiet", str(folder)], check=True)
    return folder


def images() -> dict[str, str]:
    return {"kernel": KERNEL, "initrd": INITRD}


def newest_kernel() -> Path:
    return max(Path("/boot").glob("vmlinuz-*-cloud-amd64"), key=lambda path: path.stat().st_mtime)


def make_initrd(target: Path, release: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        inside = Path(name)
        for part in ("bin", "sbin", "etc", "modules"):
            (inside / part).mkdir()
        shutil.copy("/bin/busybox", inside / "bin/busybox")
        shutil.copy("/etc/mke2fs.conf", inside / "etc/mke2fs.conf")
        for script in ("init", "udhcpc"):
            shutil.copyfile(HERE / script, inside / script)
            (inside / script).chmod(0o755)
        order = []
        for module in modules(release):
            shutil.copy(module, inside / "modules")
            order.append(f"/modules/{module.name}\n")
        (inside / "modules/order").write_text("".join(order))
        for program in PROGRAMS:
            add_program(inside, Path(process.find_tool(program, package="e2fsprogs")))
        packed = subprocess.run(
            "find . | cpio --quiet -o -H newc | gzip -1", shell=True, cwd=inside, check=True, stdout=subprocess.PIPE
        )
        target.write_bytes(packed.stdout)


def modules(release: str) -> list[Path]:
    """The drivers' files, each after those that it needs."""
    asked = ["modprobe", "--set-version", release, "--show-depends", "--all", *DRIVERS]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    files = [Path(line.split()[1]) for line in said.splitlines() if line.startswith("insmod ")]
    return list(dict.fromkeys(files))


def add_program(inside: Path, program: Path) -> None:
    """Copy a program and the libraries that it is linked with to where they are on this host."""
    shutil.copy(program, inside / "sbin")
    said = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
    for word in said.split():
        if word.startswith("/"):
            copy = inside / word.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(word, copy)
            copy.chmod(0o755)


def kickstart(url: str, variant: str = "", end: str = "poweroff") -> bytes:
    """What the installer reads; one that Anaconda would take as well."""
    lines = [f"# variant: {variant}" if variant else "", f"url --url={url}", "text", BOOT_LOADER, end]
    return "\n".join([*lines, ""]).encode()


def small_root(target: Path) -> Path:
    """A tar file of a few files: what an install is known by, and a hundred more."""
    with tempfile.TemporaryDirectory() as name:
        inside = Path(name)
        (inside / "etc").mkdir()
        (inside / "etc/installed").write_text("by the tests\n")
        (inside / "etc/secret").write_text("hidden\n")
        (inside / "etc/secret").chmod(0o600)
        for number in range(100):
            (inside / f"etc/{number}").write_bytes(bytes([number]) * 10_000)
        subprocess.run(["tar", "--owner=7:7", "-cf", str(target), "-C", name, "etc"], check=True)
    return target


def debian_root(appliance: Appliance, base: Path, target: Path) -> Path:
    """The files of a Debian disk as a tar file: an install of it boots."""
    device = appliance.plug(Disk(base, read_only=True))
    handle = appliance.handle
    handle.mount_options("ro", f"{device}1", "/")
    handle.tar_out("/", str(target), numericowner=True, xattrs=True)
    handle.umount_all()
    appliance.unplug(device)
    return target
