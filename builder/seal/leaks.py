"""The identity-leak check: search a sealed disk for anything that identifies one machine.

The operations of the seal know where an identity is stored. This module knows what it looks like: the
guest's and the build host's machine ids and names, hardware addresses and private host keys, in
whatever file they occur. Files that a step wrote on purpose are not searched.
"""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
HOSTNAME = "/etc/hostname"
MAC = r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"

SEARCHED = ("boot", "etc", "home", "opt", "root", "srv", "usr/local", "var")
"""The folders whose text files are searched. The rest of /usr comes from packages and is the same on every machine."""

COMMON_NAMES = frozenset(
    {"localhost", "localdomain", "localhost.localdomain", "debian", "ubuntu", "centos", "fedora", "almalinux", "rocky"}
    | {"guestfs", "build", "builder", "host", "node", "server", "linux", "root", "test"}
)
"""Names too common to identify a machine, also with a number at the end (centos7)."""

SHOWN = 5
"""Maximum number of places listed for each kind of leak."""


@dataclass(frozen=True, slots=True)
class MachineIdentity:
    """The machine ids and names of a guest and of the host that builds it. None of them may be in a template."""

    machine_ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def identify(guest: Guest, kept: Collection[str] = ()) -> MachineIdentity:
    """Read a guest's identity before the seal removes it. Raises GuestError.

    Files in `kept` are left out: a step set that name or id on purpose.
    """
    paths = [path for path in (*MACHINE_IDS, HOSTNAME) if path not in kept and guest.is_file(path)]
    texts = {path: guest.read(path).strip() for path in paths}
    ids = {texts[path] for path in MACHINE_IDS if re.fullmatch(r"[0-9a-f]{32}", texts.get(path, ""))}
    names = {texts.get(HOSTNAME, ""), socket.gethostname()}
    names |= {name.partition(".")[0] for name in names}
    return MachineIdentity(frozenset(ids), frozenset(name for name in names if is_distinctive(name)))


def is_distinctive(name: str) -> bool:
    """Whether a host name is distinctive enough to identify a machine."""
    common = re.sub(r"\d+$", "", name.lower()) in COMMON_NAMES
    return len(name) > 3 and not common and re.fullmatch(r"[\w.-]+", name) is not None


@dataclass(frozen=True, slots=True)
class LeakKind:
    """One kind of leak. `pattern` must mean the same to grep -E and to `re`; its case is ignored."""

    title: str
    pattern: str
    operation: str
    """The operation that removes it from its usual place. If the seal skips that operation, the leak is allowed."""

    def is_in(self, line: str) -> bool:
        return re.search(self.pattern, line, re.IGNORECASE) is not None


def kinds(identity: MachineIdentity) -> Iterator[LeakKind]:
    """Yield every kind of leak to search for."""
    for machine_id in sorted(identity.machine_ids):
        dashed = "-?".join(re.findall(r"^.{8}|.{4}(?=.{12})|.{12}$", machine_id))
        yield LeakKind("the machine id", dashed, "machine-id")
    for name in sorted(identity.names):
        # A plain word such as mail or data occurs in many texts that do not mean a machine, except after an @.
        before = "(^|[^0-9A-Za-z_.-])" if re.search(r"[\d.-]", name) else "@"
        quoted = name.replace(".", "[.]")
        yield LeakKind(f"the name {name}", f"{before}{quoted}($|[^0-9A-Za-z_-])", "hostname")
    yield LeakKind("a hardware address", f"^([^#;][^#]*)?(^|[^:0-9A-Za-z]){MAC}($|[^:0-9A-Za-z])", "net-hwaddr")
    yield LeakKind("a private host key", "^-----BEGIN OPENSSH PRIVATE KEY-----[ \t\r]*$", "ssh-hostkeys")


SHARED_MACS = re.compile(r"(00:){5}00|.[13579bdf](:..){5}", re.IGNORECASE)
"""Hardware addresses of no single machine: all zeros, and group addresses, whose first byte is odd (IEEE 802)."""


def find(guest: Guest, operations: Sequence[Operation], identity: MachineIdentity, now: GuestTree) -> Iterator[Finding]:
    """Search a sealed disk and yield one finding for each kind of leak. It may be mounted read-only.

    Raises ApplianceError.
    """
    names = {operation.name for operation in operations}
    wanted = [kind for kind in kinds(identity) if kind.operation in names]
    lines = _search_lines(guest, wanted, now) if wanted else []
    for kind in wanted:
        places = [*_search_paths(kind, now), *(line.place for line in lines if line.has(kind))]
        shown = "; ".join(places[:SHOWN]) + (f" and {len(places) - SHOWN} more" if len(places) > SHOWN else "")
        yield Finding(
            not places, f"identity-leak: {f'found {kind.title} in {shown}' if places else f'did not find {kind.title}'}"
        )


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a text file; `place` is PATH:LINE, with lines counted from 1."""

    place: str
    text: str

    def has(self, kind: LeakKind) -> bool:
        if kind.operation == "net-hwaddr" and all(SHARED_MACS.fullmatch(mac[0]) for mac in re.finditer(MAC, self.text)):
            return False
        return kind.is_in(self.text)


def _search_paths(kind: LeakKind, now: GuestTree) -> list[str]:
    """Return the paths whose last component contains the machine id."""
    if kind.title != "the machine id":
        return []
    expression = re.compile(kind.pattern, re.IGNORECASE)
    return [path for path in sorted(now.entries) if path not in now.kept and expression.search(path.rpartition("/")[2])]


def _search_lines(guest: Guest, wanted: Sequence[LeakKind], now: GuestTree) -> list[TextLine]:
    """Return the lines with any of the leaks, except in files that a step wrote on purpose."""
    guest.leave_chroot()
    # Use real paths: grep follows a link in its arguments, which could lead out of the guest's root.
    folders = {guest.resolve(f"/{name}").lstrip("/") for name in SEARCHED if guest.is_folder(f"/{name}")}
    patterns = " ".join(f"-e {shlex.quote(kind.pattern)}" for kind in wanted)
    # LC_ALL=C matches bytes, ten times faster than characters. grep exits 1 if nothing matches.
    command = (
        f"cd /sysroot && LC_ALL=C grep -rIinE --null --devices=skip {patterns}"
        f" -- {shlex.join(sorted(folders))} || [ $? = 1 ]"
    )
    found = []
    for row in guest.appliance.shell_output(command).decode(errors="replace").splitlines():
        file, zero, rest = row.partition("\0")
        number, _, text = rest.partition(":")
        if zero and f"/{file}" not in now.kept:
            found.append(TextLine(f"/{file}:{number}", text))
    return found
