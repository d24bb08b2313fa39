from __future__ import annotations

from builder.seal.operation import Operation

LOGFILES = Operation(
    "logfiles",
    "Remove log files, and empty the rest of /var/log.",
    removed=(
        # The journal's folders are named after machine ids. Keep the parent folder, which makes the journal persistent.
        "/{var,run}/log/journal/*",
        "/var/log/{anaconda,installer}/*",
        "/var/cache/{gdm,fontconfig,man}/*",
        "/var/lib/Account{,s}Service/users/*",
        "/var/lib/fprint/*",
    ),
    removed_files=(
        "/var/log/*.log*",
        "/var/log/{btmp,cron,dmesg,faillog,lastlog,maillog,messages,secure,spooler,tallylog,wtmp}?*",
        "/var/log/{cron,dmesg,maillog,messages,secure,spooler}",
        "/var/log/{debug,syslog,firewalld,grubby,xferlog,aptitude,anaconda.syslog}*",
        "/var/log/{audit,mail,sa,gdm,lightdm,ntpstats,rhsm,apt,exim4,ConsoleKit}/**",
        "/var/log/{apache2,httpd,BackupPC,ceph,chrony,cups,glusterfs,jetty,libvirt,ntp,ppp}/**",
        "/var/log/{setroubleshoot,squid,tuned}/**",
        "/var/named/data/named.run",
        "/var/lib/logrotate.status",
        "/var/lib/logrotate/{,logrotate.}status",
        "/root/{install.log,install.log.syslog,anaconda-post.log}",
        "/root/{anaconda,initial-setup,original}-ks.cfg",
        "/etc/Pegasus/*.{cnf,crt,csr,pem,srl}",
    ),
    # Files that programs expect to exist (wtmp, btmp, lastlog), and logs that are not listed above.
    emptied=("/var/log/**",),
)
