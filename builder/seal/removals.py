"""The seal operations that only remove or empty files, sorted by name.

Operations with virt-sysprep's names remove at least what virt-sysprep removes. The others remove what
virt-sysprep leaves behind.
"""

from __future__ import annotations

from builder.seal.operation import Operation

REMOVALS = (
    Operation("abrt-data", "Remove ABRT's crash reports.", removed=("/var/spool/abrt/*",)),
    Operation(
        "backup-files",
        "Remove backup files of editors.",
        removed_files=("/{etc,root,srv,tmp,var}/**/*.bak", "/{etc,root,srv,tmp,var}/**/*~"),
    ),
    Operation(
        "bash-history",
        "Remove the bash history of all users.",
        removed=("/root/.bash_history", "/home/*/.bash_history"),
    ),
    Operation(
        "blkid-tab",
        "Remove blkid's cache of block devices.",
        removed_files=("/{var/run,run/blkid,run,etc/blkid,etc}/blkid.tab{,.old}", "/dev/.blkid.tab{,.old}"),
    ),
    Operation(
        "cloud-init",
        "Remove cloud-init's state, so that it runs again on each node.",
        removed=(
            "/var/lib/cloud/*",
            "/etc/netplan/50-cloud-init.yaml",
            "/etc/network/interfaces.d/50-cloud-init{,.cfg}",
            "/run/cloud-init",
        ),
    ),
    Operation("crash-data", "Remove crash dumps.", removed=("/var/crash/*", "/var/log/dump/*")),
    Operation(
        "dhcp-client-state",
        "Remove leases and identifiers of DHCP clients.",
        removed=("/var/lib/{dhclient,dhcp,dhcpcd}/*", "/etc/dhcpcd.{duid,secret}"),
    ),
    Operation("dhcp-server-state", "Remove leases of DHCP servers.", removed=("/var/lib/dhcpd/*",)),
    Operation("dovecot-data", "Remove Dovecot's data.", removed=("/var/lib/dovecot/*",)),
    Operation(
        "firewall-rules",
        "Remove firewall rules.",
        removed=("/etc/sysconfig/iptables", "/etc/firewalld/{services,zones}/*"),
        default=False,
    ),
    Operation(
        "insights-client",
        "Remove the registration with Red Hat Insights.",
        removed=(
            "/etc/{insights-client,redhat-access-insights}/machine-id",
            "/etc/{insights-client,redhat-access-insights}/.{un,}registered",
        ),
    ),
    Operation(
        "ipa-client",
        "Remove the enrolment in FreeIPA.",
        removed=(
            "/etc/ipa/{ca.crt,default.conf}",
            "/var/lib/ipa-client/{sysrestore,pki}/*",
            "/etc/pki/ca-trust/source/{,anchors/}ipa{-ca.crt,.p11-kit}",
            "/usr/local/share/ca-certificates/ipa-ca{,/*,.crt}",
        ),
    ),
    Operation(
        "kerberos-data",
        "Remove the database of a Kerberos KDC.",
        removed=("/var/kerberos/krb5kdc/*",),
        spared=("/var/kerberos/krb5kdc/{kadm5.acl,kdc.conf}",),
        default=False,
    ),
    Operation("kerberos-hostkeytab", "Remove the host's Kerberos keytab.", removed=("/etc/krb5.keytab",)),
    Operation(
        "lvm-system-devices",
        "Remove LVM's list of local devices.",
        removed=("/etc/lvm/devices/system.devices",),
    ),
    Operation(
        "machine-info",
        "Remove the machine's pretty name and location.",
        removed=("/etc/machine-info",),
    ),
    Operation("mail-spool", "Remove users' mail.", removed=("/var/{spool/mail,mail}/*",)),
    Operation("multipath", "Remove multipath's device names and WWIDs.", removed=("/etc/multipath/{wwids,bindings}",)),
    Operation(
        "net-nmconn",
        "Remove NetworkManager's connection profiles.",
        removed=("/etc/NetworkManager/system-connections/*.nmconnection",),
    ),
    Operation(
        "network-manager-state",
        "Remove NetworkManager's leases, secret key and known networks.",
        removed=("/var/lib/NetworkManager/*",),
    ),
    Operation(
        "networkd-leases",
        "Remove systemd-networkd's leases.",
        removed=("/var/lib/systemd/network/*", "/run/systemd/netif"),
    ),
    Operation("nvme-host", "Remove the NVMe host's identifiers.", removed=("/etc/nvme/{hostnqn,hostid}",)),
    Operation(
        "other-histories",
        "Remove history files of pagers, editors and interpreters.",
        removed=(
            "/{root,home/*}/.{viminfo,lesshst,python_history,mysql_history,psql_history,sqlite_history}",
            "/{root,home/*}/.{node_repl_history,rediscli_history,wget-hsts}",
            "/{root,home/*}/.local/share/fish/fish_history",
        ),
    ),
    Operation(
        "pacct-log",
        "Empty the process accounting log.",
        removed_files=("/var/{account,log/account}/pacct?*",),
        emptied=("/var/{account,log/account}/pacct",),
    ),
    Operation(
        "package-index",
        "Remove apt's package lists and caches.",
        removed_files=("/var/lib/apt/lists/**", "/var/cache/apt/*.bin"),
    ),
    Operation(
        "package-manager-cache",
        "Remove downloaded packages and caches of the package manager.",
        removed_files=("/var/cache/{apt/archives,dnf,libdnf5,yum,zypp*}/**",),
    ),
    Operation(
        "pam-data", "Remove the state of PAM modules.", removed=("/{var/run,run}/{console,faillock,sepermit}/*",)
    ),
    Operation(
        "passwd-backups",
        "Remove backup files of the user and group databases.",
        removed=("/etc/{passwd,shadow,group,gshadow,subuid,subgid}-",),
    ),
    Operation(
        "puppet-data-log",
        "Remove Puppet's data, certificates and logs.",
        removed=("/var/log/puppet/*", "/etc/{puppetlabs/puppet,puppet}/ssl/*"),
        removed_files=("/var/lib/puppet/**",),
    ),
    Operation(
        "random-seed",
        "Remove random seeds and secrets that all clones would share.",
        removed=(
            "/var/lib/systemd/{random-seed,credential.secret}",
            "/var/lib/{random-seed,urandom/random-seed,misc/random-seed}",
            "/etc/random-seed",
            "/{boot,efi,boot/efi}/loader/random-seed",
        ),
    ),
    Operation(
        "rh-subscription-manager",
        "Remove the registration with Red Hat Subscription Manager.",
        removed=("/etc/pki/{consumer,entitlement}/*",),
    ),
    Operation(
        "rhn-systemid",
        "Remove the registration with Red Hat Network.",
        removed=("/etc/sysconfig/rhn/{systemid,osad-auth.conf}",),
    ),
    Operation(
        "rpm-db",
        "Remove host-specific files of RPM's database.",
        removed=("/{var/lib,usr/lib/sysimage}/rpm/__db.*",),
    ),
    Operation(
        "salt-minion", "Remove the Salt minion's id and keys.", removed=("/etc/salt/minion_id", "/etc/salt/pki/*")
    ),
    Operation(
        "samba-db-log",
        "Remove Samba's databases and logs.",
        removed=("/var/log/samba/{,old/}*",),
        removed_files=("/var/lib/samba/{,*/}*",),
    ),
    Operation(
        "smolt-uuid",
        "Remove Smolt's hardware UUID.",
        removed=("/etc/sysconfig/hw-uuid", "/etc/smolt/{uuid,hw-uuid}"),
    ),
    Operation("ssh-userdir", "Remove the .ssh folders of all users.", removed=("/root/.ssh", "/home/*/.ssh")),
    Operation("sssd-db-log", "Remove SSSD's database and logs.", removed=("/var/log/sssd/*", "/var/lib/sss/db/*")),
    Operation("tmp-files", "Remove temporary files.", removed=("/tmp/*", "/var/tmp/*")),
    Operation(
        "udev-persistent-net",
        "Remove udev's persistent names of network interfaces.",
        removed=("/etc/udev/rules.d/70-persistent-net.rules",),
    ),
    Operation("utmp", "Remove the utmp file, which records logged-in users.", removed=("/{var/run,run}/utmp",)),
    Operation("yum-uuid", "Remove yum's UUID of the machine.", removed=("/var/lib/yum/uuid",)),
    Operation(
        "zsh-history", "Remove the zsh history of all users.", removed=("/root/.zsh_history", "/home/*/.zsh_history")
    ),
)
