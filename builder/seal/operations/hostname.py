from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

HOSTNAME = "/etc/hostname"
HOSTS = "/etc/hosts"

NEUTRAL = "localhost"
"""For systemd the same as no name: DHCP and cloud-init may set one. The file itself is expected by many tools."""

OWN_ADDRESS = "127.0.1.1"
"""To this address Debian's tools bind the machine's own name, and nothing else."""


class HostnameOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        """Forget the build's name, unless a step has set the name on purpose."""
        if HOSTNAME in tree.kept:
            return
        name = NEUTRAL
        if tree.is_free(HOSTNAME):
            name = guest.read(HOSTNAME).strip() or NEUTRAL
            guest.write(HOSTNAME, f"{NEUTRAL}\n")
        if tree.is_free(HOSTS):
            hosts = guest.read(HOSTS)
            without = forget_name(hosts, name)
            if without != hosts:
                guest.write(HOSTS, without)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        if HOSTNAME in tree.kept:
            yield Finding(True, "a step has set the name")
            return
        if tree.is_free(HOSTNAME):
            name = guest.read(HOSTNAME).strip()
            yield Finding(name == NEUTRAL, f"{HOSTNAME} says {name}")
        if tree.is_free(HOSTS):
            hosts = guest.read(HOSTS)
            bound = forget_name(hosts, NEUTRAL) != hosts
            yield Finding(not bound, f"{HOSTS} names {'the build' if bound else 'no build'}")


def forget_name(hosts: str, name: str) -> str:
    """A hosts file without a machine's name: without Debian's own line, and without `name` in other lines."""
    forgotten = set() if name.partition(".")[0] == NEUTRAL else {name, name.partition(".")[0]}
    kept = []
    for line in hosts.splitlines(keepends=True):
        address, *names = line.partition("#")[0].split() or [""]
        left = [one for one in names if one not in forgotten and one.partition(".")[0] not in forgotten]
        if names and (address == OWN_ADDRESS or not left):
            continue
        kept.append(line if left == names else f"{address}\t{' '.join(left)}\n")
    return "".join(kept)


HOSTNAME_OPERATION = HostnameOperation("hostname", "Forget the name of the machine that built the image.")
