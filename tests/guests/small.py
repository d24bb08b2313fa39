"""The smallest guest that is a whole build's worth: busybox, on a disk of 64 MiB that does not boot."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from builder import process

FOLDERS = ("bin", "boot", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr/bin", "var/lib/dpkg")

# What libguestfs knows a Debian by, and what sealing changes.
FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "etc/debian_version": "12.0\n",
    "etc/fstab": "/dev/vda1 / ext4 errors=remount-ro 0 1\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\n",
    "etc/group": "root:x:0:\n",
    "etc/hostname": "small\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "var/lib/dpkg/status": "",
}

BUSYBOX = "/bin/busybox"
SIZE = 64 << 20
BEGIN = 1 << 20
"""Where its partition begins, in bytes."""


def make_small(target: Path) -> Path:
    """Write it to a qcow2 file, without an appliance."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree, part, disk = folder / "tree", folder / "part", folder / "disk"
        for each in FOLDERS:
            (tree / each).mkdir(parents=True)
        for path, text in FILES.items():
            (tree / path).write_text(text)
        shutil.copy(BUSYBOX, tree / "bin/busybox")
        for command in process.run([BUSYBOX, "--list"]).split():
            if command != "busybox":
                (tree / "bin" / command).symlink_to("busybox")
        for file, size in ((part, SIZE - BEGIN), (disk, SIZE)):
            with file.open("wb") as handle:
                handle.truncate(size)
        process.run([process.find_tool("mke2fs", package="e2fsprogs"), "-q", "-t", "ext4", "-d", str(tree), str(part)])
        table = f"label: dos\nstart={BEGIN // 512}, type=L, bootable\n"
        subprocess.run(["sfdisk", "-q", str(disk)], input=table.encode(), check=True)
        with part.open("rb") as source, disk.open("r+b") as handle:
            handle.seek(BEGIN)
            shutil.copyfileobj(source, handle)
        process.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(disk), str(target)])
    return target
