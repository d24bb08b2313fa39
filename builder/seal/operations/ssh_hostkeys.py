from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest import systemd
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

UNIT = "golden-ssh-hostkeys.service"

# An interrupted first boot leaves empty key files, which older versions of ssh-keygen -A do not replace.
TEXT = """\
[Unit]
Description=Generate SSH host keys that are missing or empty
Before=ssh.service
ConditionPathIsReadWrite=/etc/ssh

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/find /etc/ssh -maxdepth 1 -name ssh_host_*_key* -size 0 -delete
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
"""


class SshHostkeysOperation(Operation):
    """On EL, sshd generates missing keys when it starts. On Debian, a unit that this operation adds does so at boot."""

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if self._needs_unit(guest):
            systemd.install_unit(guest, UNIT, TEXT)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        yield from super().check(guest, tree)
        if self._needs_unit(guest):
            enabled = systemd.is_enabled(guest, UNIT)
            yield Finding(
                enabled, f"{UNIT} is {'enabled' if enabled else 'not enabled: clones would have no host keys'}"
            )

    def _needs_unit(self, guest: Guest) -> bool:
        return guest.info.family == "debian" and guest.is_file("/usr/sbin/sshd")


SSH_HOSTKEYS = SshHostkeysOperation(
    "ssh-hostkeys",
    "Remove the SSH host keys, so that each machine generates its own.",
    removed=("/etc/ssh/*_host_*",),
)
