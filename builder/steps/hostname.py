from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import Step, compare

HOSTNAME = "/etc/hostname"
HOSTS = "/etc/hosts"
OWN_ADDRESS = "127.0.1.1"
"""The address of the machine's own name in /etc/hosts on Debian."""

NEW_HOSTS = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n"


def _check_hostname(value: str) -> str:
    if len(value) > 64:
        raise ValueError("must have at most 64 characters, the limit of Linux")
    for label in value.split("."):
        plain = label.isascii() and label.replace("-", "").isalnum()
        if not plain or label.startswith("-") or label.endswith("-") or len(label) > 63:
            raise ValueError("must be labels of at most 63 letters, digits and inner hyphens, separated by dots")
    return value


class Hostname(
    Step,
    name="hostname",
    version=1,
    shorthand="hostname",
    example="hostname: node.example.com",
):
    """Set the host name.

    On Debian, the step also adds the name to /etc/hosts, so that a node can resolve its own name.
    """

    hostname: Annotated[str, AfterValidator(_check_hostname)] = Field(description="The name, with or without a domain.")

    def apply(self, guest: Guest) -> None:
        old = guest.read(HOSTNAME).strip() if guest.is_file(HOSTNAME) else ""
        guest.write(HOSTNAME, f"{self.hostname}\n", mode=0o644)
        if guest.info.family == "debian":
            # Other guests resolve their own name with nss-myhostname.
            hosts = guest.read(HOSTS) if guest.is_file(HOSTS) else NEW_HOSTS
            guest.write(HOSTS, rename(hosts, old, self.hostname), mode=0o644)

    def check(self, guest: Guest) -> Iterator[Finding]:
        now = guest.read(HOSTNAME).strip() if guest.is_file(HOSTNAME) else "not set"
        yield compare("the host name is", now, self.hostname)
        if guest.info.family != "debian":
            return
        hosts = guest.read(HOSTS) if guest.is_file(HOSTS) else ""
        own = [words[1:] for line in hosts.splitlines() if (words := line.split())[:1] == [OWN_ADDRESS]]
        found = " and ".join(map(" ".join, own)) or "no name"
        yield compare(f"the name of {OWN_ADDRESS} in /etc/hosts is", found, " ".join(names(self.hostname)))

    def kept_paths(self) -> Iterable[str]:
        return (HOSTNAME, HOSTS)


def names(hostname: str) -> list[str]:
    """Return the full name and the short name, or one name if they are equal."""
    return list(dict.fromkeys([hostname, hostname.partition(".")[0]]))


def rename(hosts: str, old: str, new: str) -> str:
    """Return /etc/hosts with one line for the new name, and without the old name on loopback addresses."""
    own = "\t".join([OWN_ADDRESS, " ".join(names(new))])
    dropped = {*names(old), *names(new)} - {"localhost", ""}
    lines: list[str] = []
    position = 0
    for line in hosts.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == [OWN_ADDRESS]:
            continue
        if words and (words[0].startswith("127.") or words[0] == "::1") and dropped & set(words[1:]):
            left = [word for word in words[1:] if word not in dropped]
            if not left:
                continue
            line = "\t".join([words[0], " ".join(left)])
        lines.append(line)
        if words[:1] == ["127.0.0.1"]:
            position = len(lines)
    return "\n".join([*lines[:position], own, *lines[position:]]) + "\n"
