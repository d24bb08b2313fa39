"""An example of everything that the seal removes, and similar files that it must keep."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from builder.guest.guest import Guest

GONE: dict[str, list[str]] = {
    "abrt-data": ["/var/spool/abrt/ccpp-1/backtrace"],
    "backup-files": [
        *("/etc/default/grub.bak", "/srv/deep/er/notes~", "/var/lib/x.bak", "/root/.vimrc~"),
        *("/etc/x~", "/srv/x.bak", "/tmp/x.bak", "/tmp/x~", "/root/x.bak", "/var/x~"),
    ],
    "bash-history": ["/root/.bash_history", "/home/alice/.bash_history"],
    "blkid-tab": [
        f"{path}{tail}"
        for path in (
            "/run/blkid.tab",
            "/run/blkid/blkid.tab",
            "/etc/blkid/blkid.tab",
            "/etc/blkid.tab",
            "/dev/.blkid.tab",
        )
        for tail in ("", ".old")
    ],
    "ca-certificates": [
        f"/etc/pki/{folder}/localhost.{ending}"
        for folder in ("CA/certs", "CA/crl", "CA/newcerts", "CA/private", "tls/private", "tls/certs")
        for ending in ("crt", "key")
    ],
    "cloud-init": [
        "/var/lib/cloud/instances/i-1/sem/config_ssh",
        "/etc/netplan/50-cloud-init.yaml",
        *("/etc/network/interfaces.d/50-cloud-init", "/etc/network/interfaces.d/50-cloud-init.cfg"),
        "/run/cloud-init/result.json",
    ],
    "crash-data": ["/var/crash/202601010000/dmesg.txt", "/var/log/dump/core"],
    "cron-spool": [
        *("/var/spool/cron/crontabs/root", "/var/spool/cron/atjobs/a0000101c0d5e1", "/var/spool/at/a1"),
        *("/var/spool/atjobs/a1", "/var/spool/atspool/a1"),
    ],
    "dhcp-client-state": [
        "/var/lib/dhcp/dhclient.eth0.leases",
        "/var/lib/dhclient/dhclient.leases",
        "/var/lib/dhcpcd/duid",
        *("/etc/dhcpcd.duid", "/etc/dhcpcd.secret"),
    ],
    "dhcp-server-state": ["/var/lib/dhcpd/dhcpd.leases"],
    "dovecot-data": ["/var/lib/dovecot/instances"],
    "firewall-rules": ["/etc/sysconfig/iptables", "/etc/firewalld/zones/public.xml", "/etc/firewalld/services/x.xml"],
    "insights-client": [
        f"/etc/{folder}/{name}"
        for folder in ("insights-client", "redhat-access-insights")
        for name in ("machine-id", ".registered", ".unregistered")
    ],
    "ipa-client": [
        "/etc/ipa/ca.crt",
        "/etc/ipa/default.conf",
        "/var/lib/ipa-client/sysrestore/sysrestore.index",
        "/var/lib/ipa-client/pki/cert.pem",
        *("/etc/pki/ca-trust/source/anchors/ipa-ca.crt", "/etc/pki/ca-trust/source/anchors/ipa.p11-kit"),
        *("/etc/pki/ca-trust/source/ipa-ca.crt", "/etc/pki/ca-trust/source/ipa.p11-kit"),
        "/usr/local/share/ca-certificates/ipa-ca.crt",
        "/usr/local/share/ca-certificates/ipa-ca/EXAMPLE.crt",
    ],
    "kerberos-data": ["/var/kerberos/krb5kdc/principal"],
    "kerberos-hostkeytab": ["/etc/krb5.keytab"],
    "logfiles": [
        "/var/log/dpkg.log",
        "/var/log/daemon.log.2.gz",
        "/var/log/syslog",
        "/var/log/messages-20260101",
        "/var/log/wtmp.1",
        "/var/log/btmp-20260101",
        "/var/log/secure",
        "/var/log/apt/history.log",
        "/var/log/audit/audit.log.1",
        "/var/log/journal/0123456789abcdef0123456789abcdef/system.journal",
        "/run/log/journal/0123456789abcdef0123456789abcdef/system.journal",
        "/var/log/installer/cdebconf/questions.dat",
        "/var/log/libvirt/qemu/vm.log",
        "/var/lib/logrotate/status",
        "/var/cache/man/index.db",
        *(f"/var/log/{name}-20260101" for name in ("cron", "dmesg", "faillog", "lastlog", "maillog", "spooler")),
        *(f"/var/log/{name}" for name in ("cron", "dmesg", "maillog", "messages", "spooler", "tallylog.1")),
        "/var/log/secure-20260101",
        *(f"/var/log/{name}" for name in ("debug", "firewalld", "grubby_prune_debug", "xferlog", "aptitude")),
        "/var/log/anaconda.syslog",
        *(f"/var/log/{name}/file" for name in ("mail", "anaconda", "sa", "gdm", "lightdm", "ntpstats", "rhsm")),
        *(f"/var/log/{name}/file" for name in ("exim4", "ConsoleKit", "apache2", "httpd", "BackupPC", "ceph")),
        *(f"/var/log/{name}/file" for name in ("chrony", "cups", "glusterfs", "jetty", "ntp", "ppp")),
        *(f"/var/log/{name}/file" for name in ("setroubleshoot", "squid", "tuned")),
        "/var/named/data/named.run",
        *("/var/lib/logrotate.status", "/var/lib/logrotate/logrotate.status"),
        *(f"/var/cache/{name}/file" for name in ("gdm", "fontconfig")),
        *("/var/lib/AccountsService/users/alice", "/var/lib/AccountService/users/alice", "/var/lib/fprint/alice"),
        *(f"/root/{name}-ks.cfg" for name in ("anaconda", "initial-setup", "original")),
        *("/root/install.log", "/root/install.log.syslog", "/root/anaconda-post.log"),
        *(f"/etc/Pegasus/x.{ending}" for ending in ("cnf", "crt", "csr", "pem", "srl")),
    ],
    "lvm-uuids": ["/etc/lvm/archive/system_00000-1.vg", "/etc/lvm/backup/system"],
    "lvm-system-devices": ["/etc/lvm/devices/system.devices"],
    "machine-info": ["/etc/machine-info"],
    "mail-spool": ["/var/mail/alice"],
    "multipath": ["/etc/multipath/wwids", "/etc/multipath/bindings"],
    "net-nmconn": ["/etc/NetworkManager/system-connections/Wired connection 1.nmconnection"],
    "network-manager-state": ["/var/lib/NetworkManager/secret_key", "/var/lib/NetworkManager/internal-1-eth0.lease"],
    "networkd-leases": ["/var/lib/systemd/network/dhcp-server-lease/eth0", "/run/systemd/netif/leases/2"],
    "nvme-host": ["/etc/nvme/hostnqn", "/etc/nvme/hostid"],
    "other-histories": [
        f"{home}/{name}"
        for home in ("/root", "/home/alice")
        for name in (
            *(".viminfo", ".lesshst", ".python_history", ".mysql_history", ".psql_history", ".sqlite_history"),
            *(".node_repl_history", ".rediscli_history", ".wget-hsts", ".local/share/fish/fish_history"),
        )
    ],
    "pacct-log": ["/var/account/pacct-20260101", "/var/log/account/pacct.1.gz"],
    "package-index": ["/var/lib/apt/lists/a_Packages", "/var/lib/apt/lists/partial/b", "/var/cache/apt/pkgcache.bin"],
    "package-manager-cache": [
        "/var/cache/apt/archives/a_1_all.deb",
        "/var/cache/dnf/base-0/repodata/repomd.xml",
        "/var/cache/libdnf5/base-1/solv/x.solv",
        "/var/cache/yum/x86_64/7/base/cachecookie",
        "/var/cache/zypper/x",
    ],
    "pam-data": ["/run/faillock/alice", "/run/console/console.lock", "/run/sepermit/alice"],
    "passwd-backups": [f"/etc/{name}-" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")],
    "puppet-data-log": [
        "/var/log/puppet/http.log",
        "/var/lib/puppet/ssl/private_keys/x.pem",
        *("/etc/puppetlabs/puppet/ssl/certs/x.pem", "/etc/puppet/ssl/certs/x.pem"),
    ],
    "random-seed": [
        "/var/lib/systemd/random-seed",
        "/var/lib/systemd/credential.secret",
        "/var/lib/urandom/random-seed",
        *("/boot/efi/loader/random-seed", "/boot/loader/random-seed", "/efi/loader/random-seed"),
        *("/var/lib/random-seed", "/var/lib/misc/random-seed", "/etc/random-seed"),
    ],
    "rh-subscription-manager": ["/etc/pki/consumer/cert.pem", "/etc/pki/entitlement/1.pem"],
    "rhn-systemid": ["/etc/sysconfig/rhn/systemid", "/etc/sysconfig/rhn/osad-auth.conf"],
    "rpm-db": ["/var/lib/rpm/__db.001", "/usr/lib/sysimage/rpm/__db.001"],
    "salt-minion": ["/etc/salt/minion_id", "/etc/salt/pki/minion/minion.pem"],
    "samba-db-log": ["/var/log/samba/old/log.x", "/var/lib/samba/secrets.tdb", "/var/lib/samba/private/passdb.tdb"],
    "smolt-uuid": ["/etc/sysconfig/hw-uuid", "/etc/smolt/uuid", "/etc/smolt/hw-uuid"],
    "ssh-hostkeys": ["/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ed25519_key.pub"],
    "ssh-userdir": ["/root/.ssh/known_hosts", "/home/alice/.ssh/id_ed25519"],
    "sssd-db-log": ["/var/log/sssd/sssd.pam", "/var/lib/sss/db/cache_x.ldb"],
    "tmp-files": ["/tmp/.X11-unix/X0", "/tmp/a b\nc", "/tmp/\udcff", "/var/tmp/dir/x"],
    "udev-persistent-net": ["/etc/udev/rules.d/70-persistent-net.rules"],
    "utmp": ["/run/utmp"],
    "yum-uuid": ["/var/lib/yum/uuid"],
    "zsh-history": ["/root/.zsh_history", "/home/alice/.zsh_history"],
}
"""By operation: files that exist before the seal and not after it."""

EMPTIED: dict[str, list[str]] = {
    "logfiles": ["/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/var/log/unheard-of/trace"],
    "pacct-log": ["/var/log/account/pacct", "/var/account/pacct"],
}
"""By operation: files that the seal empties."""

EDITED: dict[str, dict[str, tuple[str, str]]] = {
    "cron-spool": {"/var/spool/cron/atjobs/.SEQ": ("0002a\n", "00000\n")},
    "hostname": {
        "/etc/hostname": ("builder.example.com\n", "localhost\n"),
        "/etc/hosts": (
            "127.0.0.1 localhost builder\n127.0.1.1\tbuilder.example.com builder\n"
            "10.0.0.1 builder\n10.0.0.2 other # one\n",
            "127.0.0.1\tlocalhost\n10.0.0.2 other # one\n",
        ),
    },
    "iscsi-initiator": {
        "/etc/iscsi/initiatorname.iscsi": ("InitiatorName=iqn.1993-08.org.debian:01:42\n", "GenerateName=yes\n")
    },
    "machine-id": {"/etc/machine-id": ("0123456789abcdef0123456789abcdef\n", "")},
    "net-hostname": {
        "/etc/sysconfig/network-scripts/ifcfg-eth1": (
            "DEVICE=eth1\nHOSTNAME=builder\nDHCP_HOSTNAME=builder\n",
            "DEVICE=eth1\n",
        )
    },
    "net-hwaddr": {"/etc/sysconfig/network-scripts/ifcfg-eth0": ("HWADDR=52:54:00:12:34:56\nONBOOT=yes", "ONBOOT=yes")},
    "resolv-conf": {"/etc/resolv.conf": ("search example.com\nnameserver 169.254.2.3\n", "")},
}
"""By operation: the text of files before and after the seal."""

MADE: dict[str, list[str]] = {"flag-reconfiguration": ["/.unconfigured"]}
"""By operation: files that exist after the seal and not before it."""

APART = {"boot-entries", "fs-uuids", "script", "selinux-relabel", "user-account"}
"""The operations with tests of their own, in test_apart."""

LEFT = [
    "/etc/blkid.conf",
    "/etc/default/grub.bakery",
    "/etc/network/interfaces.d/eth0",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssh/sshd_config",
    "/home/alice/.bashrc",
    "/home/alice/ssh/notes",
    "/root/.profile",
    "/root/my-ks.cfg",
    "/var/kerberos/krb5kdc/kdc.conf",
    "/var/lib/samba/printers/x64/driver.dll",
    "/var/lib/systemd/timers/stamp-x",
]
"""Files that only look as if the seal should remove them."""

FOLDERS_LEFT = [
    "/tmp",
    "/var/tmp",
    "/var/log/journal",
    "/var/log/libvirt/qemu",
    "/var/cache/apt/archives",
    "/var/lib/apt/lists/partial",
    "/var/lib/dhcp",
]
"""Folders that the seal empties but keeps."""

BEFORE: dict[str, str] = {
    **{path: "dirt\n" for paths in [*GONE.values(), *EMPTIED.values()] for path in paths},
    **{path: before for edits in EDITED.values() for path, (before, _) in edits.items()},
}


def plant(guest: Guest, content: Mapping[str, str], tmp_path: Path) -> None:
    """Write files into a guest in one call, and create their folders."""
    archive = tmp_path / "dirt.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for path, text in content.items():
            entry = tarfile.TarInfo(path[1:])
            entry.size, entry.mode = len(text.encode()), 0o640
            tar.addfile(entry, io.BytesIO(text.encode()))
    guest.leave_chroot()  # otherwise files for /dev and /run would be written to the appliance's
    guest.call("tar_in", str(archive), "/")
