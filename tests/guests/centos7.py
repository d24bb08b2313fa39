"""CentOS 7: network-scripts, GRUB whose configuration has the kernel's arguments, yum."""

from __future__ import annotations

from builder.bases.bootstrap import DiskLayout
from tests.guests.shape import Release, Shape
from tests.guests.tree import Tree

OS_RELEASE = """\
NAME="CentOS Linux"
VERSION="7 (Core)"
ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="7"
PRETTY_NAME="CentOS Linux 7 (Core)"
CPE_NAME="cpe:/o:centos:centos:7"
HOME_URL="https://www.centos.org/"
"""

GRUB = """\
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR="$(sed 's, release .*$,,g' /etc/system-release)"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL_OUTPUT="console"
GRUB_CMDLINE_LINUX="crashkernel=auto rhgb quiet"
GRUB_DISABLE_RECOVERY="true"
"""

IFCFG = """\
TYPE="Ethernet"
PROXY_METHOD="none"
BROWSER_ONLY="no"
BOOTPROTO="dhcp"
DEFROUTE="yes"
IPV4_FAILURE_FATAL="no"
IPV6INIT="yes"
IPV6_AUTOCONF="yes"
NAME="eth0"
UUID="5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03"
DEVICE="eth0"
ONBOOT="yes"
HWADDR="52:54:00:6c:3a:01"
"""

IFCFG_LO = """\
DEVICE=lo
IPADDR=127.0.0.1
NETMASK=255.0.0.0
ONBOOT=yes
NAME=loopback
"""

# What matters of EL's: it acts on the files that `interface:` writes.
NETWORK = """\
#!/bin/sh
# chkconfig: 2345 10 90
### BEGIN INIT INFO
# Provides: $network
# Required-Start: $local_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: Bring up/down networking
### END INIT INFO
[ "$1" = start ] || exit 0
. /etc/sysconfig/network
for file in /etc/sysconfig/network-scripts/ifcfg-*; do
    unset DEVICE ONBOOT BOOTPROTO
    . "$file"
    [ "$ONBOOT" = yes ] && [ "$DEVICE" != lo ] || continue
    ip link set dev "$DEVICE" up
    [ "$BOOTPROTO" != dhcp ] || dhclient -1 -q "$DEVICE"
done
"""

# The least of EL's, for init scripts whose header says when they start.
CHKCONFIG = """\
#!/bin/sh
# chkconfig NAME on | off
set -eu
set -- "$1" "$2" $(sed -n 's/^# chkconfig: [0-9]* //p' "/etc/rc.d/init.d/$1")
for level in 2 3 4 5; do
    cd "/etc/rc.d/rc$level.d"
    rm -f S??"$1" K??"$1"
    if [ "$2" = on ]; then ln -s "../init.d/$1" "S$3$1"; else ln -s "../init.d/$1" "K$4$1"; fi
done
"""

YUM = """\
[main]
cachedir=/var/cache/yum/$basearch/$releasever
keepcache=0
gpgcheck=1
obsoletes=1
plugins=1
installonly_limit=5
"""


class Centos7(Shape):
    release = Release("centos", "CentOS Linux", "7.9.2009", "Core", "el7")
    layout = DiskLayout(
        "xfs", "defaults 0 0", "grub2-install --target=i386-pc {device} && grub2-mkconfig -o /boot/grub2/grub.cfg"
    )
    python = "python"
    machine_id = "3f1c6d0e8b7a4c529d1e0f2a3b4c5d6e"

    def os_release(self) -> str:
        return OS_RELEASE

    def adapt(self, tree: Tree) -> None:
        scripts = "etc/sysconfig/network-scripts"
        tree.write_all({f"{scripts}/ifcfg-eth0": IFCFG, f"{scripts}/ifcfg-lo": IFCFG_LO, "etc/default/grub": GRUB})
        tree.write("etc/rc.d/init.d/network", NETWORK, 0o755)
        for level in "0123456":
            name = "S10network" if level in "2345" else "K90network"
            tree.link("../init.d/network", f"etc/rc.d/rc{level}.d/{name}")
            tree.link(f"rc.d/rc{level}.d", f"etc/rc{level}.d")
        tree.link("rc.d/init.d", "etc/init.d")
        tree.write("usr/sbin/chkconfig", CHKCONFIG, 0o755)
        tree.write("etc/yum.conf", YUM)
        tree.remove("etc/dnf/dnf.conf")
        tree.link("../yum.conf", "etc/dnf/dnf.conf")
