from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

HOSTNAME = "/etc/hostname"
HOSTS = "/etc/hosts"

NEUTRAL = "localhost"
"""systemd treats this as no name, so DHCP and cloud-init may set one. Many tools expect the file to exist."""

OWN_ADDRESS = "127.0.1.1"
"""The address of the machine's own name in Debian's /etc/hosts, used for nothing else."""


class HostnameOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        """Remove the host name, unless a step set it on purpose."""
        if HOSTNAME in tree.kept:
            return
        name = NEUTRAL
        if tree.is_editable(HOSTNAME):
            name = guest.read(HOSTNAME).strip() or NEUTRAL
            guest.write(HOSTNAME, f"{NEUTRAL}\n")
        if tree.is_editable(HOSTS):
            hosts = guest.read(HOSTS)
            without = forget_name(hosts, name)
            if without != hosts:
                guest.write(HOSTS, without)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        if HOSTNAME in tree.kept:
            yield Finding(True, "a step set the host name")
            return
        if tree.is_editable(HOSTNAME):
            name = guest.read(HOSTNAME).strip()
            yield Finding(name == NEUTRAL, f"{HOSTNAME} has {name or 'no name'}")
        if tree.is_editable(HOSTS):
            hosts = guest.read(HOSTS)
            left = forget_name(hosts, NEUTRAL) != hosts
            yield Finding(not left, f"{HOSTS} has {'an' if left else 'no'} entry for {OWN_ADDRESS}")


def forget_name(hosts: str, name: str) -> str:
    """Return a hosts file without the line for 127.0.1.1, and without `name` in other lines."""
    dropped = set() if name.partition(".")[0] == NEUTRAL else {name, name.partition(".")[0]}
    kept = []
    for line in hosts.splitlines(keepends=True):
        address, *names = line.partition("#")[0].split() or [""]
        left = [each for each in names if each not in dropped and each.partition(".")[0] not in dropped]
        if names and (address == OWN_ADDRESS or not left):
            continue
        kept.append(line if left == names else f"{address}\t{' '.join(left)}\n")
    return "".join(kept)


HOSTNAME_OPERATION = HostnameOperation(
    "hostname", "Reset the host name to localhost, and remove the old name from /etc/hosts."
)
