"""The identity-leak check: whatever names one machine, found wherever it is left.

The operations of the seal know where identity is kept. This knows what it looks like: the values
that the guest and the build had (machine ids, names, hardware addresses), and things that are one
machine's own in whatever file they stand. A step's own files may say what they say.
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
"""The folders whose text is searched. The rest of /usr comes with packages, the same for every machine."""

COMMON_NAMES = frozenset(
    {"localhost", "localdomain", "localhost.localdomain", "debian", "ubuntu", "centos", "fedora", "almalinux", "rocky"}
    | {"guestfs", "build", "builder", "host", "node", "server", "linux", "root", "test"}
)
"""Names that many machines have, and many texts: they lead to none. So do they with a number behind (centos7)."""

SHOWN = 5
"""How many places of one kind are named."""


@dataclass(frozen=True, slots=True)
class MachineIdentity:
    """What a guest, and the host that builds it, are called. None of it may be in a template."""

    machine_ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def identify(guest: Guest, kept: Collection[str] = ()) -> MachineIdentity:
    """Read a guest's identity, before the seal removes it. Raises GuestError.

    A name that a step chose, as `kept` says, is what its nodes shall be called.
    """
    paths = [path for path in (*MACHINE_IDS, HOSTNAME) if path not in kept and guest.is_file(path)]
    texts = {path: guest.read(path).strip() for path in paths}
    ids = {texts[path] for path in MACHINE_IDS if re.fullmatch(r"[0-9a-f]{32}", texts.get(path, ""))}
    names = {texts.get(HOSTNAME, ""), socket.gethostname()}
    names |= {name.partition(".")[0] for name in names}
    return MachineIdentity(frozenset(ids), frozenset(name for name in names if is_telling(name)))


def is_telling(name: str) -> bool:
    """Whether a host's name is its own, rather than one that many have."""
    common = re.sub(r"\d+$", "", name.lower()) in COMMON_NAMES
    return len(name) > 3 and not common and re.fullmatch(r"[\w.-]+", name) is not None


@dataclass(frozen=True, slots=True)
class LeakKind:
    """One kind of leak. `pattern` means the same to grep -E and to `re`, and is matched whatever its case."""

    what: str
    pattern: str
    operation: str
    """The operation that removes it from where it is kept; a seal that skips that one wants it kept."""

    def is_in(self, line: str) -> bool:
        return re.search(self.pattern, line, re.IGNORECASE) is not None


def kinds(identity: MachineIdentity) -> Iterator[LeakKind]:
    for machine_id in sorted(identity.machine_ids):
        dashed = "-?".join(re.findall(r"^.{8}|.{4}(?=.{12})|.{12}$", machine_id))
        yield LeakKind("the machine id", dashed, "machine-id")
    for name in sorted(identity.names):
        # A plain word (mail, data) stands in many texts that mean no machine; but not after an @.
        before = "(^|[^0-9A-Za-z_.-])" if re.search(r"[\d.-]", name) else "@"
        quoted = name.replace(".", "[.]")
        yield LeakKind(f"the name {name}", f"{before}{quoted}($|[^0-9A-Za-z_-])", "hostname")
    yield LeakKind("a hardware address", f"^([^#;][^#]*)?(^|[^:0-9A-Za-z]){MAC}($|[^:0-9A-Za-z])", "net-hwaddr")
    yield LeakKind("a private host key", "^-----BEGIN OPENSSH PRIVATE KEY-----[ \t\r]*$", "ssh-hostkeys")


NOBODYS = re.compile(r"(00:){5}00|.[13579bdf](:..){5}", re.IGNORECASE)
"""Hardware addresses that are no machine's: none, and those of groups, whose first byte is odd (IEEE 802)."""


def find(guest: Guest, operations: Sequence[Operation], identity: MachineIdentity, now: GuestTree) -> Iterator[Finding]:
    """Search a sealed disk, mounted read-only or not. One finding for each kind. Raises ApplianceError."""
    done = {operation.name for operation in operations}
    sought = [kind for kind in kinds(identity) if kind.operation in done]
    lines = _search(guest, sought, now) if sought else []
    for kind in sought:
        places = [*_search_names(kind, now), *(line.place for line in lines if line.tells(kind))]
        shown = "; ".join(places[:SHOWN]) + (f" and {len(places) - SHOWN} more" if len(places) > SHOWN else "")
        said = f"is left in {shown}" if places else "is left nowhere"
        yield Finding(not places, f"identity-leak: {kind.what} {said}")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of some file's text; `place` is PATH:NUMBER."""

    place: str
    text: str

    def tells(self, kind: LeakKind) -> bool:
        if kind.operation == "net-hwaddr" and all(NOBODYS.fullmatch(mac[0]) for mac in re.finditer(MAC, self.text)):
            return False
        return kind.is_in(self.text)


def _search_names(kind: LeakKind, now: GuestTree) -> list[str]:
    """The paths whose last name tells it."""
    if kind.what != "the machine id":
        return []
    expression = re.compile(kind.pattern, re.IGNORECASE)
    return [path for path in sorted(now.nodes) if path not in now.kept and expression.search(path.rpartition("/")[2])]


def _search(guest: Guest, sought: Sequence[LeakKind], now: GuestTree) -> list[TextLine]:
    """The lines that tell any of some kinds, but not those of files that a step made."""
    guest.bare()
    # By their real names: grep would follow a link that it is given, out of the guest's root.
    folders = {guest.resolve(f"/{name}").lstrip("/") for name in SEARCHED if guest.is_folder(f"/{name}")}
    patterns = " ".join(f"-e {shlex.quote(kind.pattern)}" for kind in sought)
    # The bytes of any language, ten times faster than its letters. Nothing found is status 1.
    command = (
        f"cd /sysroot && LC_ALL=C grep -rIinE --null --devices=skip {patterns}"
        f" -- {shlex.join(sorted(folders))} || [ $? = 1 ]"
    )
    found = []
    for row in guest.appliance.output(command).decode(errors="replace").splitlines():
        file, zero, rest = row.partition("\0")
        number, _, text = rest.partition(":")
        if zero and f"/{file}" not in now.kept:
            found.append(TextLine(f"/{file}:{number}", text))
    return found
