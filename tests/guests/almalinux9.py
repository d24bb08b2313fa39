"""AlmaLinux 9: boot entries in files of their own, NetworkManager's keyfiles, dnf."""

from __future__ import annotations

from builder.bases.bootstrap import DiskLayout
from tests.guests.shape import Release, Shape
from tests.guests.tree import Tree

OS_RELEASE = """\
NAME="AlmaLinux"
VERSION="9.3 (Shamrock Pampas Cat)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.3"
PLATFORM_ID="platform:el9"
PRETTY_NAME="AlmaLinux 9.3 (Shamrock Pampas Cat)"
CPE_NAME="cpe:/o:almalinux:almalinux:9::baseos"
HOME_URL="https://almalinux.org/"
"""

GRUB = """\
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR="$(sed 's, release .*$,,g' /etc/system-release)"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL_OUTPUT="console"
GRUB_CMDLINE_LINUX="crashkernel=1G-4G:192M rhgb quiet"
GRUB_DISABLE_RECOVERY="true"
GRUB_ENABLE_BLSCFG=true
"""

# What EL's GRUB does at its command `blscfg`, with a GRUB that has none: at every boot the entries
# are read, and they alone say what can be booted. An entry's lines are run as commands, which is
# why GRUB must not know its own `linux` and `initrd` until one was chosen.
BLSCFG = r"""#!/bin/sh
set -e
. "$pkgdatadir/grub-mkconfig_lib"
prepare_grub_to_access_device "$GRUB_DEVICE_BOOT"
cat <<'EOF'
insmod regexp
function title { set bls_title="$*"; }
function linux { set bls_linux="$1"; }
function initrd { set bls_initrd="$*"; }
function options { set bls_options="$*"; }
function id { set bls_other="$*"; }
function version { set bls_other="$*"; }
function grub_users { set bls_other="$*"; }
function grub_arg { set bls_other="$*"; }
function grub_class { set bls_other="$*"; }
for entry in /boot/loader/entries/*.conf; do
  regexp --set=1:bls_id '([^/]*)[.]conf$' "$entry"
  source "$entry"
  menuentry "$bls_title" --id "$bls_id" "$bls_linux" "$bls_initrd" "$bls_options" {
    insmod linux
    linux $2 $4
    initrd $3
  }
done
EOF
"""

ENTRY = """\
title AlmaLinux ({version}) 9.3 (Shamrock Pampas Cat)
version {version}
linux /boot/vmlinuz-{version}
initrd /boot/initramfs-{version}.img $tuned_initrd
options root=@ROOT@ ro {arguments} $tuned_params
grub_users $grub_users
grub_arg --unrestricted
grub_class almalinux
"""

ARGUMENTS = "crashkernel=1G-4G:192M rhgb quiet"

KEYFILE = """\
[connection]
id=eth0
uuid=0f8d2b5c-6a3e-4c1d-9b7f-2e5a8c4d1f60
type=ethernet
interface-name=eth0
timestamp=1700000000

[ethernet]
mac-address=52:54:00:6C:3A:02

[ipv4]
method=auto

[ipv6]
addr-gen-mode=eui64
method=auto
"""

DNF = """\
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
"""


class Almalinux9(Shape):
    release = Release("almalinux", "AlmaLinux", "9.3", "Shamrock Pampas Cat", "el9")
    python = "python3"
    machine_id = "b7e4c1d2a3f54e6c8d9b0a1c2e3f4d5b"
    # The root's UUID is known only now.
    layout = DiskLayout(
        "xfs",
        "defaults 0 0",
        "root=$(awk '$2 == \"/\" {{print $1}}' /etc/fstab)"
        ' && sed -i "s/@ROOT@/$root/" /etc/kernel/cmdline /boot/loader/entries/*.conf'
        " && grub2-install --target=i386-pc {device} && grub2-mkconfig -o /boot/grub2/grub.cfg"
        f" && grub2-editenv /boot/grub2/grubenv set saved_entry={machine_id}-$(ls /usr/lib/modules)",
    )

    def os_release(self) -> str:
        return OS_RELEASE

    def adapt(self, tree: Tree) -> None:
        for name, kernel in ((tree.kernel, tree.kernel), ("0-rescue", self.rescue)):
            entry = ENTRY.format(version=kernel, arguments=ARGUMENTS)
            tree.write(f"boot/loader/entries/{self.machine_id}-{name}.conf", entry)
        tree.write("etc/kernel/cmdline", f"root=@ROOT@ ro {ARGUMENTS}\n")
        tree.write("etc/default/grub", GRUB)
        tree.write("etc/grub.d/10_linux", BLSCFG, 0o755)
        commands = "usr/lib/grub/i386-pc/command.lst"
        tree.edit(commands, "\nlinux: linux\n", "\n")
        tree.edit(commands, "\ninitrd: linux\n", "\n")
        tree.write("etc/NetworkManager/system-connections/eth0.nmconnection", KEYFILE, 0o600)
        tree.write("etc/dnf/dnf.conf", DNF)
        tree.link("dnf/dnf.conf", "etc/yum.conf")
