from __future__ import annotations

from collections.abc import Iterator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

MACHINE_ID = "/etc/machine-id"
DBUS_COPY = "/var/lib/dbus/machine-id"
MODE = 0o444


class MachineIdOperation(Operation):
    """Empty, not absent and not `uninitialized`: those mean "first boot", when systemd applies presets
    and so enables units again that a step has disabled. An empty file means a new id and nothing else.
    """

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if DBUS_COPY not in tree.kept:
            self._forget_copy(guest, tree)
        if MACHINE_ID in tree.kept or not (MACHINE_ID in tree or self._has_systemd(tree)):
            return
        if tree.kind(MACHINE_ID) not in (None, "file"):
            guest.remove(MACHINE_ID)
        guest.write(MACHINE_ID, b"", mode=MODE)

    def _forget_copy(self, guest: Guest, tree: GuestTree) -> None:
        if self._has_systemd(tree) and tree.kind("/var/lib/dbus") == "folder":
            guest.link(MACHINE_ID, DBUS_COPY)
        elif tree.kind(DBUS_COPY) == "file":
            guest.truncate(DBUS_COPY)

    def _has_systemd(self, tree: GuestTree) -> bool:
        return "/etc/systemd" in tree

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        if MACHINE_ID in tree.kept:
            yield Finding(True, "a step has set it")
        elif MACHINE_ID in tree or self._has_systemd(tree):
            found = guest.find_stat(MACHINE_ID)
            right = found is not None and (found.kind, found.size, found.mode) == ("file", 0, MODE)
            shown = f"a {found.kind} of {found.size} bytes, mode {found.mode:04o}" if found else "missing"
            yield Finding(right, f"{MACHINE_ID} is {shown}")
        if DBUS_COPY in tree and DBUS_COPY not in tree.kept:
            node = tree.nodes[DBUS_COPY]
            right = node.target == MACHINE_ID if node.kind == "link" else node.kind == "file" and node.size == 0
            yield Finding(right, f"{DBUS_COPY} {'holds no id' if right else 'holds an id of its own'}")


MACHINE_ID_OPERATION = MachineIdOperation(
    "machine-id", "Empty the machine's identifier, as the last write of all.", last=2
)
