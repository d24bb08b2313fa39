"""Intended differences between a guest edited by golden and one edited by virt-customize."""

from __future__ import annotations

from dataclasses import dataclass

ELSEWHERE = "elsewhere"
"""Used instead of an option for paths that belong to no option."""


@dataclass(frozen=True)
class Difference:
    """A pattern of paths that differ in one aspect: an attribute, or `theirs` or `ours` if only one has the path."""

    option: str
    path: str
    aspect: str
    why: str


DIFFERENCES: tuple[Difference, ...] = (
    # A recipe defines the attributes of a file; its previous attributes do not matter.
    Difference("upload", "/parity/upload/program", "mode", "with its mode means with setuid, too"),
    Difference("write", "/parity/write/private", "mode", "a written file has the mode that the step says"),
    Difference("ssh-inject", "/root/.ssh/authorized_keys", "mode", "only the user may read the keys"),
    Difference("hostname", "/etc/hostname", "mode", "a host name is not executable"),
    Difference("hostname", "/etc/hosts", "content", "a machine finds itself by its whole name and the short one"),
    Difference("timezone", "/etc/timezone", "content", "Debian keeps the name there, and goes back to an old one"),
    Difference("run-command", "/parity/run-command/home", "content", "programs find root's home"),
    # `uninstall` removes packages together with their configuration.
    Difference("uninstall", "/etc/parity-old.conf", "theirs", "purged"),
    Difference("uninstall", "/var/lib/dpkg/info/parity-old.list", "theirs", "purged"),
    Difference(ELSEWHERE, "/var/lib/dpkg/status", "content", "what is purged is not even known any more"),
    Difference(ELSEWHERE, "/var/lib/dpkg/status-old", "content", "the status before the last change"),
    # First-boot scripts are in another folder and have another runner.
    *(
        difference
        for number, option in enumerate(("firstboot", "firstboot-command", "firstboot-install"), 1)
        for difference in (
            Difference(option, f"/usr/lib/virt-sysprep/scripts/5000-000{number}-*", "theirs", "their place"),
            Difference(option, f"/usr/lib/golden/firstboot.d/00{number}", "ours", "our place"),
        )
    ),
    Difference(ELSEWHERE, "/usr/lib/virt-sysprep*", "theirs", "their runner and its folders"),
    Difference(ELSEWHERE, "/usr/lib/systemd/system/guestfs-firstboot.service", "theirs", "their unit"),
    Difference(ELSEWHERE, "/etc/systemd/system/*/guestfs-firstboot.service", "theirs", "their unit, enabled"),
    Difference(ELSEWHERE, "/etc/init.d/guestfs-firstboot", "theirs", "their start script"),
    Difference(ELSEWHERE, "/etc/rc?.d/S99guestfs-firstboot", "theirs", "their start script, enabled"),
    Difference(ELSEWHERE, "/usr/lib/golden*", "ours", "our runner and its folders"),
    Difference(ELSEWHERE, "/etc/systemd/system/golden-firstboot.service", "ours", "our unit"),
    Difference(ELSEWHERE, "/etc/systemd/system/*/golden-firstboot.service", "ours", "our unit, enabled"),
    # Leftovers of the edits, which the seal removes.
    Difference(ELSEWHERE, "/etc/machine-id", "content", "virt-customize makes one where there is none"),
    Difference(ELSEWHERE, "/etc/shadow-", "content", "the copy before the last change"),
    Difference(ELSEWHERE, "/tmp/builder.log", "theirs", "virt-customize's log stays in the guest"),
    Difference(ELSEWHERE, "/var/cache/apt/*.bin", "content", "apt's own index of its lists"),
    Difference(ELSEWHERE, "/var/log/apt/*", "content", "with times and command lines"),
    Difference(ELSEWHERE, "/var/log/dpkg.log", "content", "with times"),
)
