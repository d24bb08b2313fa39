"""The folders that guests start from: one of programs for all, and one with each family's own files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from builder import process
from builder.guest.info import GuestInfo
from tests.guests.shape import SELINUX, UNIT

Family = Literal["debian", "centos7", "almalinux9"]

PROGRAMS = "programs"
"""The name of the tree of programs."""

# The host's, so that commands do and say what they do and say on a real guest.
TOOLS = """\
sh bash basename cat chgrp chmod chown cp cut date dirname env expr head id install ln ls mkdir mkfifo mktemp mv nice
printf pwd readlink realpath rm rmdir sha256sum shred sleep sort stat sync sed tail tee touch tr truncate uniq wc whoami
cmp find grep gzip tar xargs getent perl ssh-keygen systemctl
chpasswd groupadd passwd useradd userdel usermod
"""
PLAIN = ("/usr/lib/systemd/systemd-sysctl",)
"""Programs outside the search path."""

INFOS: dict[Family, GuestInfo] = {
    "debian": GuestInfo("debian", 12, 0, "x86_64", "apt", "Debian GNU/Linux 12 (bookworm)", {"/": "DISK1"}),
    "centos7": GuestInfo("centos", 7, 9, "x86_64", "yum", "CentOS Linux 7 (Core)", {"/": "DISK1"}),
    "almalinux9": GuestInfo("almalinux", 9, 4, "x86_64", "dnf", "AlmaLinux 9.4", {"/": "DISK1"}),
}

FOLDERS = """\
boot dev home proc root run srv sys tmp usr/bin usr/sbin usr/local usr/share/zoneinfo/Europe var/lib var/log var/spool
var/tmp etc/skel etc/sysctl.d etc/systemd/system usr/lib/systemd/system
"""

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = "root:x:0:\ndaemon:x:1:\nadm:x:4:\nwww-data:x:33:\nshadow:x:42:\nusers:x:100:\nnogroup:x:65534:\n"
SHADOW = "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"
LOGIN_DEFS = """\
UID_MIN 1000
UID_MAX 60000
GID_MIN 1000
GID_MAX 60000
SYS_UID_MIN 100
SYS_UID_MAX 999
SYS_GID_MIN 100
SYS_GID_MAX 999
USERGROUPS_ENAB yes
CREATE_HOME no
ENCRYPT_METHOD SHA512
"""

COMMON = {
    "etc/passwd": PASSWD,
    "etc/group": GROUP,
    "etc/shadow": SHADOW,
    "etc/gshadow": re.sub(r":x:\d+:", ":*::", GROUP),
    "etc/login.defs": LOGIN_DEFS,
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
    "etc/hostname": "localhost\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/motd": "Welcome\n",
    "etc/skel/.profile": "umask 022\n",
    "etc/resolv.conf": "nameserver 192.0.2.1\n",
    "usr/lib/systemd/systemd": "",
    "usr/sbin/nologin": "",
    "usr/lib/systemd/system/dbus.service": "[Unit]\nDescription=D-Bus\n[Service]\nExecStart=/bin/true\n",
    "usr/lib/systemd/system/fstrim.timer": "[Timer]\nOnCalendar=weekly\n[Install]\nWantedBy=timers.target\n",
    "usr/lib/systemd/system/getty@.service": (
        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n"
    ),
    "usr/lib/systemd/system/multi-user.target": "[Unit]\nDescription=Multi-User System\n",
    "usr/share/zoneinfo/Europe/London": "a zone",
}

DEBIAN = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "etc/debian_version": "12.0\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n",
    "etc/timezone": "Etc/UTC\n",
    "etc/network/interfaces": "# lo\nauto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n",
    "etc/apt/sources.list": "deb http://deb.example/debian bookworm main\n",
    "usr/sbin/ifup": "",
    "usr/sbin/dhclient": "",
    "usr/lib/systemd/systemd-networkd": "",
    "usr/lib/systemd/system/systemd-networkd.service": UNIT.format(name="networkd"),
    "usr/lib/systemd/system/networking.service": UNIT.format(name="networking"),
    "usr/lib/systemd/system/ssh.service": UNIT.format(name="sshd"),
    "usr/lib/systemd/system/ssh.socket": "[Socket]\nListenStream=22\n[Install]\nWantedBy=sockets.target\n",
    "var/lib/dpkg/status": "",
}

EL = {
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/locale.conf": 'LANG="C.UTF-8"\n',
    "etc/selinux/config": SELINUX,
    "etc/sysconfig/network": "# Created by anaconda\n",
    "usr/sbin/NetworkManager": "",
    "usr/lib/systemd/system/NetworkManager.service": UNIT.format(name="NetworkManager"),
}

OWN: dict[Family, dict[str, str]] = {
    "debian": DEBIAN,
    "centos7": {
        **EL,
        "etc/os-release": 'ID="centos"\nVERSION_ID="7"\n',
        "etc/redhat-release": "CentOS Linux release 7.9.2009 (Core)\n",
        "etc/sysconfig/network-scripts/ifcfg-lo": "DEVICE=lo\n",
    },
    "almalinux9": {
        **EL,
        "etc/os-release": 'ID="almalinux"\nVERSION_ID="9.4"\n',
        "etc/redhat-release": "AlmaLinux release 9.4 (Seafoam Ocelot)\n",
        "etc/NetworkManager/NetworkManager.conf": "[main]\n",
    },
}

LINKS: dict[Family, dict[str, str]] = {
    "debian": {
        "etc/systemd/system/multi-user.target.wants/ssh.service": "/usr/lib/systemd/system/ssh.service",
        "etc/systemd/system/multi-user.target.wants/networking.service": "/usr/lib/systemd/system/networking.service",
        "etc/systemd/system/getty.target.wants/getty@tty1.service": "/usr/lib/systemd/system/getty@.service",
    },
    "centos7": {"etc/sysconfig/selinux": "../selinux/config"},
    "almalinux9": {},
}


def make_trees(folder: Path) -> None:
    """Write all trees into an empty folder."""
    copy_programs(folder / PROGRAMS)
    for family in INFOS:
        root = folder / family
        for name in FOLDERS.split():
            (root / name).mkdir(parents=True, exist_ok=True)
        for path, text in (COMMON | OWN[family]).items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755 if "/sbin/" in path or path.endswith("systemd") else 0o644)
        for path, target in LINKS[family].items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(target)
        for name in ("etc/shadow", "etc/gshadow"):
            os.chown(root / name, 0, 42)
            (root / name).chmod(0o640)
        (root / "root").chmod(0o700)
        (root / "tmp").chmod(0o1777)


def copy_programs(root: Path) -> None:
    """A tree with the tools, and the libraries that they load."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    tools = {name: Path(process.find_tool(name, package="the one that has it")) for name in TOOLS.split()}
    for name, file in tools.items():
        shutil.copy(file.resolve(), root / ("usr/sbin" if file.parent.name == "sbin" else "usr/bin") / name)
    for path in PLAIN:
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path[1:])
    for library in libraries([*map(str, tools.values()), *PLAIN]):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)


def libraries(programs: Iterable[str]) -> set[str]:
    """What the dynamic linker loads for them, itself included."""
    return set(re.findall(r"(/\S+) \(0x", process.run(["ldd", *programs])))
