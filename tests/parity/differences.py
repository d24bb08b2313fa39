"""Where a guest edited by golden is meant to differ from one edited by virt-customize, and why."""

from __future__ import annotations

from dataclasses import dataclass

ELSEWHERE = "elsewhere"
"""Stands for an option in what no option is about."""


@dataclass(frozen=True)
class Difference:
    """A glob of paths that differ in one aspect: `theirs` or `ours` (who alone has it), or an attribute."""

    option: str
    path: str
    aspect: str
    why: str


DIFFERENCES: tuple[Difference, ...] = (
    # A recipe says what a file is like; what it happened to be like before does not shine through.
    Difference("upload", "/parity/upload/program", "mode", "with its mode means with setuid, too"),
    Difference("write", "/parity/write/private", "mode", "a written file has the mode that the step says"),
    Difference("ssh-inject", "/root/.ssh/authorized_keys", "mode", "keys are their user's alone"),
    Difference("hostname", "/etc/hostname", "mode", "a host name is no program"),
    Difference("hostname", "/etc/hosts", "content", "a machine finds itself by its whole name and the short one"),
    Difference("timezone", "/etc/timezone", "content", "Debian keeps the name there, and goes back to an old one"),
    Difference("run-command", "/parity/run-command/home", "content", "programs find root's home"),
    # Packages go with their configuration, as `uninstall` promises.
    Difference("uninstall", "/etc/parity-old.conf", "theirs", "purged"),
    Difference("uninstall", "/var/lib/dpkg/info/parity-old.list", "theirs", "purged"),
    Difference(ELSEWHERE, "/var/lib/dpkg/status", "content", "what is purged is not even known any more"),
    Difference(ELSEWHERE, "/var/lib/dpkg/status-old", "content", "the status before the last change"),
    # First-boot scripts lie elsewhere, and the one who runs them is another.
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
    # What the edits leave behind, which the seal looks after.
    Difference(ELSEWHERE, "/etc/machine-id", "content", "virt-customize makes one where there is none"),
    Difference(ELSEWHERE, "/etc/shadow-", "content", "the copy before the last change"),
    Difference(ELSEWHERE, "/tmp/builder.log", "theirs", "virt-customize's log stays in the guest"),
    Difference(ELSEWHERE, "/var/cache/apt/*.bin", "content", "apt's own index of its lists"),
    Difference(ELSEWHERE, "/var/log/apt/*", "content", "with times and command lines"),
    Difference(ELSEWHERE, "/var/log/dpkg.log", "content", "with times"),
)
