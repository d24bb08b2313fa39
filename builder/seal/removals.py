"""The operations that are nothing but paths, by name.

Those that virt-sysprep has remove at least what it removes. The rest is what it leaves behind.
"""

from __future__ import annotations

from builder.seal.operation import Operation

REMOVALS = (
    Operation("abrt-data", "Remove the crash reports of ABRT.", removed=("/var/spool/abrt/*",)),
    Operation(
        "backup-files",
        "Remove editors' backup copies.",
        removed_files=("/{etc,root,srv,tmp,var}/**/*.bak", "/{etc,root,srv,tmp,var}/**/*~"),
    ),
    Operation(
        "bash-history",
        "Remove the command history of bash.",
        removed=("/root/.bash_history", "/home/*/.bash_history"),
    ),
    Operation(
        "blkid-tab",
        "Remove the cache of block device identifiers.",
        removed_files=("/{var/run,run/blkid,run,etc/blkid,etc}/blkid.tab{,.old}", "/dev/.blkid.tab{,.old}"),
    ),
    Operation(
        "cloud-init",
        "Remove the state of cloud-init, so that it sees a new instance.",
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
        "Remove the leases and identifiers of DHCP clients.",
        removed=("/var/lib/{dhclient,dhcp,dhcpcd}/*", "/etc/dhcpcd.{duid,secret}"),
    ),
    Operation("dhcp-server-state", "Remove the leases of DHCP servers.", removed=("/var/lib/dhcpd/*",)),
    Operation("dovecot-data", "Remove the state of Dovecot.", removed=("/var/lib/dovecot/*",)),
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
        "Remove the enrolment with FreeIPA.",
        removed=(
            "/etc/ipa/{ca.crt,default.conf}",
            "/var/lib/ipa-client/{sysrestore,pki}/*",
            "/etc/pki/ca-trust/source/{,anchors/}ipa{-ca.crt,.p11-kit}",
            "/usr/local/share/ca-certificates/ipa-ca{,/*,.crt}",
        ),
    ),
    Operation(
        "kerberos-data",
        "Remove the database of a Kerberos server.",
        removed=("/var/kerberos/krb5kdc/*",),
        spared=("/var/kerberos/krb5kdc/{kadm5.acl,kdc.conf}",),
        default=False,
    ),
    Operation("kerberos-hostkeytab", "Remove the host's Kerberos key table.", removed=("/etc/krb5.keytab",)),
    Operation(
        "lvm-system-devices", "Remove LVM's list of this machine's disks.", removed=("/etc/lvm/devices/system.devices",)
    ),
    Operation("machine-info", "Remove the machine's pretty name and location.", removed=("/etc/machine-info",)),
    Operation("mail-spool", "Remove mail.", removed=("/var/{spool/mail,mail}/*",)),
    Operation(
        "multipath", "Remove the names that multipath gave to disks.", removed=("/etc/multipath/{wwids,bindings}",)
    ),
    Operation(
        "net-nmconn",
        "Remove NetworkManager's connection profiles.",
        removed=("/etc/NetworkManager/system-connections/*.nmconnection",),
    ),
    Operation(
        "network-manager-state",
        "Remove NetworkManager's leases, secret key and memory of networks.",
        removed=("/var/lib/NetworkManager/*",),
    ),
    Operation(
        "networkd-leases",
        "Remove the leases of systemd-networkd.",
        removed=("/var/lib/systemd/network/*", "/run/systemd/netif"),
    ),
    Operation("nvme-host", "Remove the NVMe host's identifiers.", removed=("/etc/nvme/{hostnqn,hostid}",)),
    Operation(
        "other-histories",
        "Remove the histories of pagers, editors and interpreters.",
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
        "Remove the package lists that were fetched for the build.",
        removed_files=("/var/lib/apt/lists/**", "/var/cache/apt/*.bin"),
    ),
    Operation(
        "package-manager-cache",
        "Remove downloaded packages.",
        removed_files=("/var/cache/{apt/archives,dnf,libdnf5,yum,zypp*}/**",),
    ),
    Operation(
        "pam-data", "Remove the state of PAM modules.", removed=("/{var/run,run}/{console,faillock,sepermit}/*",)
    ),
    Operation(
        "passwd-backups",
        "Remove the backup copies of the user databases.",
        removed=("/etc/{passwd,shadow,group,gshadow,subuid,subgid}-",),
    ),
    Operation(
        "puppet-data-log",
        "Remove the state, certificates and logs of Puppet.",
        removed=("/var/log/puppet/*", "/etc/{puppetlabs/puppet,puppet}/ssl/*"),
        removed_files=("/var/lib/puppet/**",),
    ),
    Operation(
        "random-seed",
        "Remove saved randomness and secrets that all clones would share.",
        removed=(
            "/var/lib/systemd/{random-seed,credential.secret}",
            "/var/lib/{random-seed,urandom/random-seed,misc/random-seed}",
            "/etc/random-seed",
            "/{boot,efi,boot/efi}/loader/random-seed",
        ),
    ),
    Operation(
        "rh-subscription-manager",
        "Remove the registration with Red Hat's subscription manager.",
        removed=("/etc/pki/{consumer,entitlement}/*",),
    ),
    Operation(
        "rhn-systemid",
        "Remove the registration with Red Hat Network.",
        removed=("/etc/sysconfig/rhn/{systemid,osad-auth.conf}",),
    ),
    Operation(
        "rpm-db", "Remove the environment files of RPM's database.", removed=("/{var/lib,usr/lib/sysimage}/rpm/__db.*",)
    ),
    Operation(
        "salt-minion", "Remove the name and keys of a Salt minion.", removed=("/etc/salt/minion_id", "/etc/salt/pki/*")
    ),
    Operation(
        "samba-db-log",
        "Remove the databases and logs of Samba.",
        removed=("/var/log/samba/{,old/}*",),
        removed_files=("/var/lib/samba/{,*/}*",),
    ),
    Operation(
        "smolt-uuid",
        "Remove the hardware identifier of Smolt.",
        removed=("/etc/sysconfig/hw-uuid", "/etc/smolt/{uuid,hw-uuid}"),
    ),
    Operation("ssh-userdir", "Remove the users' .ssh folders.", removed=("/root/.ssh", "/home/*/.ssh")),
    Operation("sssd-db-log", "Remove the database and logs of SSSD.", removed=("/var/log/sssd/*", "/var/lib/sss/db/*")),
    Operation("tmp-files", "Remove temporary files.", removed=("/tmp/*", "/var/tmp/*")),
    Operation(
        "udev-persistent-net",
        "Remove udev's binding of interface names to hardware addresses.",
        removed=("/etc/udev/rules.d/70-persistent-net.rules",),
    ),
    Operation("utmp", "Remove the record of who is logged in.", removed=("/{var/run,run}/utmp",)),
    Operation("yum-uuid", "Remove yum's identifier of this machine.", removed=("/var/lib/yum/uuid",)),
    Operation(
        "zsh-history", "Remove the command history of zsh.", removed=("/root/.zsh_history", "/home/*/.zsh_history")
    ),
)
