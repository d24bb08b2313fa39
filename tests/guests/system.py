"""A whole system as signed rpms: what `dnf --installroot` makes an EL-shaped guest of."""

from __future__ import annotations

import shutil
from pathlib import Path

from builder import process
from tests.guests.rpms import Packager, Payload, Rpm, index
from tests.guests.shape import Shape
from tests.guests.tree import Tree

PARTS = {
    "kernel": ("boot/vmlinuz-*", "boot/initramfs-*", "boot/config-*", "boot/System.map-*", "usr/lib/modules"),
    "grub2-pc": (
        *("boot/grub", "boot/grub2", "etc/grub.d", "usr/lib/grub", "usr/share/grub"),
        *("usr/bin/grub*", "usr/sbin/grub*"),
    ),
    "setup": ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "bin", "sbin", "lib", "lib64"),
}
"""What of the tree is in which package; all the rest is in `systemd`."""

ANACONDA = ("etc/default/grub", "etc/kernel/cmdline", "etc/machine-id", "boot/loader", "boot/*0-rescue*", "etc/fstab")
"""What no package brings."""

# As EL 9's kernel-install, which asks the running kernel where there is no /etc/kernel/cmdline.
ADD_KERNEL = """\
set -e
[ -s /etc/machine-id ] || systemd-machine-id-setup
mkdir -p /boot/loader/entries
arguments=$(cat /etc/kernel/cmdline || cat /proc/cmdline)
for modules in /usr/lib/modules/*; do
    version=${modules##*/}
    cat >"/boot/loader/entries/$(cat /etc/machine-id)-$version.conf" <<END
title AlmaLinux ($version)
version $version
linux /boot/vmlinuz-$version
initrd /boot/initramfs-$version.img
options $arguments
END
done
"""

COMPS = """\
<comps>
  <group>
    <id>core</id>
    <name>Core</name>
    <packagelist>
      <packagereq type="mandatory">systemd</packagereq>
      <packagereq type="mandatory">{release}-release</packagereq>
    </packagelist>
  </group>
</comps>
"""


def make_repository(shape: Shape, files: Tree, packager: Packager, repository: Path) -> None:
    """Make the packages of a tree, which stays as it is, and a repository of them."""
    dist = shape.release.dist
    repository.mkdir()
    parts = {name: Tree(repository / name) for name in (*PARTS, "systemd")}
    process.run(["cp", "-al", str(files.root), str(parts["systemd"].root)])
    parts["systemd"].remove(*ANACONDA)
    for name, patterns in PARTS.items():
        parts["systemd"].move(parts[name], *patterns)
    payloads = [
        Payload("setup", f"1.{dist}", parts["setup"].root, provides=("/bin/sh",)),
        Payload("systemd", f"1.{dist}", parts["systemd"].root, requires=("setup",)),
        Payload("kernel", f"1.{dist}", parts["kernel"].root, requires=("systemd",), posttrans=ADD_KERNEL),
        Payload("grub2-pc", f"1.{dist}", parts["grub2-pc"].root, requires=("systemd",)),
    ]
    made = [packager.build_payload(payload, repository) for payload in payloads]
    for part in parts.values():
        shutil.rmtree(part.root)
    release = next(rpm for rpm in shape.installed(packager.public_key) if rpm.name.endswith("-release"))
    marks = [release, *(Rpm(name, "1", f"1.{dist}") for name in ("dracut-config-generic", "e2fsprogs"))]
    made += [packager.build(rpm, repository) for rpm in marks]
    packager.sign(made)
    comps = repository / "comps.xml"
    comps.write_text(COMPS.format(release=shape.release.id))
    index(repository, comps)
