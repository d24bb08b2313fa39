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
    """The file stays, but empty. If it were missing or contained `uninitialized`, systemd would apply its
    presets at the first boot and enable units that a step disabled. An empty file only gets a new id.
    """

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        if DBUS_COPY not in tree.kept:
            self._reset_copy(guest, tree)
        if MACHINE_ID in tree.kept or not (MACHINE_ID in tree or self._has_systemd(tree)):
            return
        if tree.kind(MACHINE_ID) not in (None, "file"):
            guest.remove(MACHINE_ID)
        guest.write(MACHINE_ID, b"", mode=MODE)

    def _reset_copy(self, guest: Guest, tree: GuestTree) -> None:
        if self._has_systemd(tree) and tree.kind("/var/lib/dbus") == "folder":
            guest.link(MACHINE_ID, DBUS_COPY)
        elif tree.kind(DBUS_COPY) == "file":
            guest.truncate(DBUS_COPY)

    def _has_systemd(self, tree: GuestTree) -> bool:
        return "/etc/systemd" in tree

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        if MACHINE_ID in tree.kept:
            yield Finding(True, "a step set the machine id")
        elif MACHINE_ID in tree or self._has_systemd(tree):
            found = guest.find_stat(MACHINE_ID)
            correct = found is not None and (found.kind, found.size, found.mode) == ("file", 0, MODE)
            shown = f"a {found.kind} of {found.size} bytes, mode {found.mode:04o}" if found else "missing"
            yield Finding(correct, f"{MACHINE_ID} is {shown}")
        if DBUS_COPY in tree and DBUS_COPY not in tree.kept:
            item = tree.entries[DBUS_COPY]
            correct = item.target == MACHINE_ID if item.kind == "link" else item.kind == "file" and item.size == 0
            yield Finding(correct, f"{DBUS_COPY} has {'no id' if correct else 'an id of its own'}")


MACHINE_ID_OPERATION = MachineIdOperation("machine-id", "Empty /etc/machine-id, as the last write to the disk.", last=2)
