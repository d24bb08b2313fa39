"""What makes a tree of Debian's packages look like EL, as far as every EL is alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from builder.bases.bootstrap import DiskLayout
from tests.guests.rpms import Rpm
from tests.guests.tree import DEBIAN, Tree

UNIT = """\
[Unit]
Description={name}

[Service]
ExecStart=/usr/sbin/{name}

[Install]
WantedBy=multi-user.target
"""

DAEMON = "#!/bin/sh\nexec sleep infinity\n"

# As EL's, which makes new host keys at a boot that finds none.
SSHD = """\
[Unit]
Description=OpenSSH server daemon
After=network.target sshd-keygen.service
Wants=sshd-keygen.service

[Service]
Type=notify
ExecStart=/usr/sbin/sshd -D
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755

[Install]
WantedBy=multi-user.target
"""

SSHD_KEYGEN = """\
[Unit]
Description=OpenSSH Server Key Generation
ConditionFileNotEmpty=|!/etc/ssh/ssh_host_rsa_key
ConditionFileNotEmpty=|!/etc/ssh/ssh_host_ecdsa_key
ConditionFileNotEmpty=|!/etc/ssh/ssh_host_ed25519_key
PartOf=sshd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -A
"""

SELINUX = """\
# This file controls the state of SELinux on the system.
# SELINUX= can take one of these three values:
#     enforcing - SELinux security policy is enforced.
#     permissive - SELinux prints warnings instead of enforcing.
#     disabled - No SELinux policy is loaded.
SELINUX=enforcing
# SELINUXTYPE= can take one of three values:
#     targeted - Targeted processes are protected.
SELINUXTYPE=targeted
"""

# A policy's worth of labels, for what tests look at.
FILE_CONTEXTS = """\
/.*\tsystem_u:object_r:default_t:s0
/[^/]+\t--\tsystem_u:object_r:etc_runtime_t:s0
/\t-d\tsystem_u:object_r:root_t:s0
/boot(/.*)?\tsystem_u:object_r:boot_t:s0
/etc(/.*)?\tsystem_u:object_r:etc_t:s0
/etc/shadow.*\t--\tsystem_u:object_r:shadow_t:s0
/home/[^/]+(/.*)?\tunconfined_u:object_r:user_home_t:s0
/root(/.*)?\tsystem_u:object_r:admin_home_t:s0
/(usr/)?lib(64)?(/.*)?\tsystem_u:object_r:lib_t:s0
/usr(/.*)?\tsystem_u:object_r:usr_t:s0
/usr/s?bin(/.*)?\tsystem_u:object_r:bin_t:s0
/var(/.*)?\tsystem_u:object_r:var_t:s0
/var/log(/.*)?\tsystem_u:object_r:var_log_t:s0
"""

MACROS = """\
%dist .{dist}
%_dbpath /var/lib/rpm
%_db_backend sqlite
"""


@dataclass(frozen=True, slots=True)
class Release:
    """How a distribution names itself."""

    id: str
    name: str
    version: str
    codename: str
    dist: str

    @property
    def line(self) -> str:
        """The one line of /etc/redhat-release."""
        return f"{self.name} release {self.version} ({self.codename})"

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


class Shape(ABC):
    """One kind of EL guest."""

    release: ClassVar[Release]
    layout: ClassVar[DiskLayout]
    python: ClassVar[str]
    """What the names of packages for Python begin with."""
    machine_id: ClassVar[str]

    @property
    def name(self) -> str:
        return self.release.id + self.release.major

    @property
    def owner(self) -> str:
        """The name of the key that packages are signed with."""
        return f"{self.release.name} {self.release.major} <security@{self.release.id}.test>"

    @property
    def key_file(self) -> str:
        """Where the distribution puts its public key, in the guest."""
        return f"/etc/pki/rpm-gpg/RPM-GPG-KEY-{self.release.name.partition(' ')[0]}-{self.release.major}"

    @property
    def rescue(self) -> str:
        """The release of the rescue kernel."""
        return f"0-rescue-{self.machine_id}"

    @abstractmethod
    def os_release(self) -> str: ...

    @abstractmethod
    def adapt(self, tree: Tree) -> None:
        """Change what this EL has otherwise than others. The kernel and the common parts are there."""

    # --- packages ----------------------------------------------------------------------------

    def installed(self, key: str) -> list[Rpm]:
        """The packages that the guest has; `key` is the public key."""
        release, dist = self.release, self.release.dist
        files = {
            "/etc/os-release": self.os_release(),
            f"/etc/{release.id}-release": release.line + "\n",
            "/etc/redhat-release": release.line + "\n",
            "/etc/system-release": release.line + "\n",
            self.key_file: key,
        }
        names = ("system-release", f"system-release(releasever) = {release.major}", "redhat-release")
        return [
            Rpm(f"{release.id}-release", release.version, f"1.{dist}", files, provides=names),
            Rpm("bash", "4.2.46", f"34.{dist}", provides=("/bin/sh",)),
            Rpm("hwdata", "0.252", f"9.{dist}", {"/usr/share/hwdata/usb.ids": "# 0.252\n"}),
            Rpm("NetworkManager-libnm", "1.18.8", f"2.{dist}", {"/usr/share/NetworkManager/libnm": "1.18.8\n"}),
            self._service("NetworkManager", "1.18.8", f"2.{dist}", ("NetworkManager-libnm",)),
            Rpm(
                "NetworkManager-tui",
                "1.18.8",
                f"2.{dist}",
                {"/usr/bin/nmtui": DAEMON},
                requires=("NetworkManager", "NetworkManager-libnm"),
            ),
            Rpm("firewalld-filesystem", "0.6.3", f"12.{dist}", {"/usr/lib/firewalld/zones/public.xml": "<zone/>\n"}),
            Rpm(f"{self.python}-firewall", "0.6.3", f"12.{dist}", {"/usr/share/firewall/__init__.py": ""}),
            self._service("firewalld", "0.6.3", f"12.{dist}", ("firewalld-filesystem", f"{self.python}-firewall")),
        ]

    def _service(self, name: str, version: str, release: str, requires: tuple[str, ...]) -> Rpm:
        unit = f"{name}.service"
        files = {f"/usr/sbin/{name}": DAEMON, f"/usr/lib/systemd/system/{unit}": UNIT.format(name=name)}
        return Rpm(name, version, release, files, requires=requires, unit=unit)

    def offered(self, growpart: str) -> list[Rpm]:
        """The packages of the repository; `growpart` is the program of that name."""
        dist = self.release.dist
        version = '#!/bin/sh\necho "{} {}"\n'
        return [
            Rpm("lftp", "4.4.8", f"12.{dist}", {"/usr/bin/lftp": version.format("LFTP", "4.4.8")}),
            Rpm("lrzsz", "0.12.20", f"36.{dist}", {"/usr/bin/lrz": version.format("lrz", "0.12.20")}),
            Rpm("cloud-utils-growpart", "0.29", f"5.{dist}", {"/usr/bin/growpart": growpart}),
            Rpm("hwdata", "0.379", f"1.{dist}", {"/usr/share/hwdata/usb.ids": "# 0.379\n"}),
        ]

    # --- the tree ----------------------------------------------------------------------------

    def take_over(self, tree: Tree) -> None:
        """Turn a tree of Debian's packages into this EL, but for the rpms."""
        tree.remove(*DEBIAN)
        tree.write_all(
            {
                "etc/rpm/macros.dist": MACROS.format(dist=self.release.dist),
                "etc/selinux/config": SELINUX,
                "etc/selinux/targeted/contexts/files/file_contexts": FILE_CONTEXTS,
                "etc/locale.conf": 'LANG="C.UTF-8"\n',
                "etc/vconsole.conf": 'KEYMAP="us"\n',
                "etc/machine-id": self.machine_id + "\n",
                "etc/issue": "\\S\nKernel \\r on an \\m\n\n",
                "etc/sysconfig/network": "# Created by anaconda\n",
                "usr/lib/systemd/system/sshd.service": SSHD,
                "usr/lib/systemd/system/sshd-keygen.service": SSHD_KEYGEN,
            }
        )
        tree.link("../selinux/config", "etc/sysconfig/selinux")
        tree.link("/usr/lib/systemd/system/sshd.service", "etc/systemd/system/multi-user.target.wants/sshd.service")
        tree.link("dnf-3", "usr/bin/yum")
        # EL has no yescrypt.
        tree.edit("etc/pam.d/common-password", "yescrypt", "sha512")
        self._rename_boot_files(tree)
        self.adapt(tree)

    def _rename_boot_files(self, tree: Tree) -> None:
        boot = tree.root / "boot"
        (boot / f"initrd.img-{tree.kernel}").rename(boot / f"initramfs-{tree.kernel}.img")
        for file in (f"vmlinuz-{tree.kernel}", f"initramfs-{tree.kernel}.img"):
            (boot / file.replace(tree.kernel, self.rescue)).hardlink_to(boot / file)
        tree.write("boot/grub2/README", "GRUB's files\n")
        # Debian's GRUB looks for its files under the one name, EL's tools under the other.
        tree.link("grub2", "boot/grub")
        for program in [*tree.root.glob("usr/bin/grub-*"), *tree.root.glob("usr/sbin/grub-*")]:
            tree.link(program.name, str(program.with_name(f"grub2-{program.name[5:]}").relative_to(tree.root)))
        # Debian lets dpkg compare versions.
        tree.edit("usr/share/grub/grub-mkconfig_lib", "  dpkg --compare-versions", "  version_test_numeric")
