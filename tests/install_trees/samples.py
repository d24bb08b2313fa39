"""Small trees, complete and right, with everything of a real one but its size."""

from __future__ import annotations

import gzip
import hashlib
import random
from pathlib import Path

KERNEL = random.Random(1).randbytes(300_000)
INITRD = random.Random(2).randbytes(200_000)

REPOMD = """\
<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1</revision>
  <data type="primary">
    <checksum type="sha256">{sha256}</checksum>
    <location href="repodata/{sha256}-primary.xml.gz"/>
  </data>
  <data type="group">
    <checksum type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum>
    <location href="repodata/comps.xml"/>
  </data>
</repomd>
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def repository(about: str) -> dict[str, bytes]:
    """The metadata of a repository; what it is about makes it differ from others."""
    primary = gzip.compress(f"<metadata>{about}</metadata>".encode(), mtime=0)
    return {
        "repodata/repomd.xml": REPOMD.format(sha256=sha256(primary)).encode(),
        f"repodata/{sha256(primary)}-primary.xml.gz": primary,
        "repodata/comps.xml": b"<comps/>",
    }


def el7(folder: Path) -> Path:
    """In the shape of CentOS 7: one repository, and no checksum in its treeinfo."""
    treeinfo = (
        "[general]\nname = CentOS-7\nfamily = CentOS\ntimestamp = 1603729326.93\nvariant = \nversion = 7\n"
        "packagedir = \narch = x86_64\n\n"
        "[stage2]\nmainimage = LiveOS/squashfs.img\n\n"
        "[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\n"
    )
    put(
        folder,
        {
            ".treeinfo": treeinfo.encode(),
            "images/pxeboot/vmlinuz": KERNEL,
            "images/pxeboot/initrd.img": INITRD,
            "LiveOS/squashfs.img": b"stage2",
            "Packages/lftp-4.4.8-12.el7_8.1.x86_64.rpm": b"a package",
            **repository("el7"),
        },
    )
    return folder


def el9(folder: Path, arch: str = "x86_64") -> Path:
    """In the shape of AlmaLinux 9's DVD: two repositories, and checksums."""
    stage2 = b"stage2 of 9"
    checksums = {
        "images/install.img": stage2,
        "images/pxeboot/initrd.img": INITRD,
        "images/pxeboot/vmlinuz": KERNEL,
    }
    lines = "".join(f"{path} = sha256:{sha256(content)}\n" for path, content in checksums.items())
    treeinfo = (
        f"[checksums]\n{lines}\n"
        f"[general]\n; WARNING.0 = This section provides compatibility with pre-productmd treeinfos.\n"
        f"arch = {arch}\nfamily = AlmaLinux\nname = AlmaLinux 9.4\nversion = 9.4\n\n"
        "[header]\ntype = productmd.treeinfo\nversion = 1.2\n\n"
        f"[images-{arch}]\ninitrd = images/pxeboot/initrd.img\nkernel = images/pxeboot/vmlinuz\n\n"
        "[release]\nname = AlmaLinux\nshort = AlmaLinux\nversion = 9.4\n\n"
        "[stage2]\nmainimage = images/install.img\n\n"
        f"[tree]\narch = {arch}\nbuild_timestamp = 1714673454\nplatforms = {arch},xen\nvariants = AppStream,BaseOS\n\n"
        "[variant-AppStream]\nid = AppStream\npackages = AppStream/Packages\nrepository = AppStream\n\n"
        "[variant-BaseOS]\nid = BaseOS\npackages = BaseOS/Packages\nrepository = BaseOS\n"
    )
    put(folder, {".treeinfo": treeinfo.encode(), ".discinfo": b"1714673454\n9.4\nx86_64\n", **checksums})
    for name in ("AppStream", "BaseOS"):
        put(folder / name, repository(name))
    return folder


def debian(folder: Path, release: str = "bookworm") -> Path:
    """In the shape of a mirror of Debian, with the installers of two architectures."""
    lists: dict[str, bytes] = {}
    for name in ("amd64", "arm64"):
        images = f"main/installer-{name}/current/images"
        netboot = f"netboot/debian-installer/{name}"
        boot = {f"{netboot}/linux": KERNEL + name.encode(), f"{netboot}/initrd.gz": INITRD + name.encode()}
        lists |= {f"{images}/{path}": content for path, content in boot.items()}
        sums = "".join(f"{sha256(content)}  ./{path}\n" for path, content in boot.items())
        lists[f"{images}/SHA256SUMS"] = sums.encode()
        lists[f"main/binary-{name}/Packages.xz"] = b"Package: of " + name.encode()
        lists[f"main/debian-installer/binary-{name}/Packages.gz"] = b"Package: udeb of " + name.encode()
    listed = "".join(
        f" {sha256(content)} {len(content):>8} {path}\n" for path, content in lists.items() if "netboot" not in path
    )
    text = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        f"Origin: Debian\nLabel: Debian\nSuite: stable\nVersion: 12.5\nCodename: {release}\n"
        f"Architectures: amd64 arm64\nSHA256:\n{listed}"
    )
    put(folder / "dists" / release, {"InRelease": text.encode(), **lists})
    (folder / "dists" / "stable").symlink_to(release)
    return folder
